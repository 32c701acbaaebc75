import { EMPTY_BYTES, err, limits, ok, type Result } from '@tinykv/base';
import { inOneGo } from '../../command/in-one-go.js';
import { type Meta, makeMeta } from '../../model/meta-codec.js';
import { stepsOf } from '../../model/pace.js';
import type { Database } from '../../model/redis-txn.js';
import { readRange, readString, stringLength, wantString } from '../../model/strings.js';
import { parseInt64 } from '../../resp/decimal.js';
import type { Request } from '../../resp/request.js';
import { array, bulk, integer, NULL, type Reply } from '../../resp/types.js';
import { ANSWER_TOO_LARGE, NOT_AN_INTEGER, WRONG_TYPE } from '../errors.js';
import { parseExpire } from '../expire-time.js';
import type { DataCall, DataHandler, Steps } from '../spec.js';
import { parseGetExOptions, type StringOptions } from './options.js';

function get({ argv, db }: DataCall): Reply {
  const meta = db.get(argv[1]!);
  return meta === undefined ? NULL : bulkOf(db, meta);
}

/** The value as a reply, or the error when it is not a string. */
function bulkOf(db: Database, meta: Meta): Reply {
  return meta.type === 'string' ? bulk(readString(db, meta)) : WRONG_TYPE;
}

function strlen({ argv, db }: DataCall): Reply {
  const meta = db.get(argv[1]!);
  if (meta !== undefined && meta.type !== 'string') return WRONG_TYPE;
  return integer(stringLength(meta));
}

interface Range {
  readonly first: number;
  readonly last: number;
}

function parseRange(argv: Request): Result<Range, Reply> {
  const first = parseInt64(argv[2]!);
  const last = parseInt64(argv[3]!);
  if (first === undefined || last === undefined) return err(NOT_AN_INTEGER);
  return ok({ first: Number(first), last: Number(last) });
}

function getRange({ argv, db }: DataCall, { first, last }: Range): Reply {
  const meta = db.get(argv[1]!);
  if (meta === undefined) return bulk(EMPTY_BYTES);
  if (meta.type !== 'string') return WRONG_TYPE;
  const range = clampRange(first, last, stringLength(meta));
  if (range === undefined) return bulk(EMPTY_BYTES);
  return bulk(readRange(db, meta, range.from, range.to));
}

/** Inclusive bounds, negative ones from the end, as [from, to); undefined when nothing is inside. */
function clampRange(
  first: number,
  last: number,
  length: number,
): { readonly from: number; readonly to: number } | undefined {
  if (first < 0 && last < 0 && first > last) return undefined;
  const from = Math.max(0, first < 0 ? length + first : first);
  const to = Math.min(length - 1, Math.max(0, last < 0 ? length + last : last)) + 1;
  return from < to && length > 0 ? { from, to } : undefined;
}

function* mget({ argv, db }: DataCall): Steps {
  const items: Reply[] = [];
  let bytes = 0;
  for (const step of stepsOf(argv.slice(1))) {
    db.metas.want(step, false);
    if (items.length > 0 || db.txn.isMissing) yield;
    const metas = db.metas.many(step);
    for (const meta of metas) {
      // As a key of another type.
      if (typeof meta !== 'object' || meta.type !== 'string') continue;
      bytes += stringLength(meta);
      if (bytes > limits.gatewayOutputBytesMax) return ANSWER_TOO_LARGE;
      wantString(db, meta);
    }
    if (db.txn.isMissing) yield;
    for (const meta of metas) {
      const isString = typeof meta === 'object' && meta.type === 'string';
      items.push(isString ? bulk(readString(db, meta)) : NULL);
    }
    // Bytes that the answer holds need not be held twice.
    db.txn.loads.clear();
  }
  return array(items);
}

function getDel({ argv, db }: DataCall): Reply {
  const key = argv[1]!;
  const meta = db.get(key);
  if (meta === undefined) return NULL;
  const reply = bulkOf(db, meta);
  if (reply.type === 'bulk') db.remove(key);
  return reply;
}

function getEx({ argv, db }: DataCall, { expire, persist }: StringOptions): Reply {
  const key = argv[1]!;
  const meta = db.get(key);
  if (meta === undefined) return NULL;
  if (meta.type !== 'string') return WRONG_TYPE;
  if (expire !== undefined) {
    const time = parseExpire(expire.argument, expire.unit, db.nowMs, 'getex', false);
    if (!time.ok) return time.error;
    const reply = bulkOf(db, meta);
    if (time.atMs <= db.nowMs) db.remove(key);
    else db.put(key, makeMeta(meta.type, meta.body, time.atMs, meta.id));
    return reply;
  }
  const reply = bulkOf(db, meta);
  if (persist && meta.expireAtMs !== undefined) {
    db.put(key, makeMeta(meta.type, meta.body, undefined, meta.id));
  }
  return reply;
}

const getRangeCommand = { kind: 'data', parse: parseRange, apply: getRange } as const;
const getExCommand: DataHandler<StringOptions> = {
  kind: 'data',
  name: 'getex',
  parse: parseGetExOptions,
  apply: getEx,
};

export const stringReadCommands: readonly DataHandler[] = [
  { kind: 'data', name: 'get', apply: get },
  { kind: 'data', name: 'strlen', apply: strlen },
  { ...getRangeCommand, name: 'getrange' },
  { ...getRangeCommand, name: 'substr' },
  { kind: 'data', name: 'mget', apply: inOneGo(mget), steps: mget },
  { kind: 'data', name: 'getdel', apply: getDel, oneKey: () => 'changes' },
  getExCommand,
];

/** What SET … GET and GETSET answer of the old value. */
export function oldValue(db: Database, argv: Request): Reply {
  const meta = db.get(argv[1]!);
  return meta === undefined ? NULL : bulkOf(db, meta);
}
