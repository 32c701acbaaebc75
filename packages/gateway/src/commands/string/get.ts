import { EMPTY_BYTES, limits } from '@tinykv/base';
import { type Meta, makeMeta } from '../../model/meta-codec.js';
import type { Database } from '../../model/redis-txn.js';
import { readRange, readString, stringLength } from '../../model/strings.js';
import { parseInt64 } from '../../resp/decimal.js';
import type { Request } from '../../resp/request.js';
import { array, bulk, integer, NULL, type Reply } from '../../resp/types.js';
import { ANSWER_TOO_LARGE, NOT_AN_INTEGER, WRONG_TYPE } from '../errors.js';
import { parseExpire } from '../expire-time.js';
import type { DataCall, DataHandler } from '../spec.js';
import { parseGetExOptions } from './options.js';

async function get(call: DataCall): Promise<Reply> {
  const meta = await call.db.get(call.argv[1]!);
  return meta === undefined ? NULL : bulkOf(call.db, meta);
}

/** The value as a reply, or the error when it is not a string. */
async function bulkOf(db: Database, meta: Meta): Promise<Reply> {
  return meta.type === 'string' ? bulk(await readString(db, meta)) : WRONG_TYPE;
}

async function strlen(call: DataCall): Promise<Reply> {
  const meta = await call.db.get(call.argv[1]!);
  if (meta !== undefined && meta.type !== 'string') return WRONG_TYPE;
  return integer(stringLength(meta));
}

async function getRange(call: DataCall): Promise<Reply> {
  const from = parseInt64(call.argv[2]!);
  const to = parseInt64(call.argv[3]!);
  if (from === undefined || to === undefined) return NOT_AN_INTEGER;
  const meta = await call.db.get(call.argv[1]!);
  if (meta === undefined) return bulk(EMPTY_BYTES);
  if (meta.type !== 'string') return WRONG_TYPE;
  const range = clampRange(Number(from), Number(to), stringLength(meta));
  if (range === undefined) return bulk(EMPTY_BYTES);
  return bulk(await readRange(call.db, meta, range.from, range.to));
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

async function mget(call: DataCall): Promise<Reply> {
  const metas = await call.db.getMany(call.argv.slice(1));
  const items: Reply[] = [];
  let bytes = 0;
  for (const meta of metas) {
    // As a key of another type.
    const isString = typeof meta === 'object' && meta.type === 'string';
    if (isString) bytes += stringLength(meta);
    if (bytes > limits.gatewayOutputBytesMax) return ANSWER_TOO_LARGE;
    items.push(isString ? bulk(await readString(call.db, meta)) : NULL);
    if (items.length % limits.gatewayStepKeys === 0) await call.db.txn.pace.pause();
  }
  return array(items);
}

async function getDel(call: DataCall): Promise<Reply> {
  const key = call.argv[1]!;
  const meta = await call.db.get(key);
  if (meta === undefined) return NULL;
  const reply = await bulkOf(call.db, meta);
  if (reply.type === 'bulk') call.db.remove(key);
  return reply;
}

async function getEx(call: DataCall): Promise<Reply> {
  const { argv, db } = call;
  const options = parseGetExOptions(argv);
  if (!options.ok) return options.error;
  const key = argv[1]!;
  const meta = await db.get(key);
  if (meta === undefined) return NULL;
  const { expire, persist } = options.value;
  if (meta.type !== 'string') return WRONG_TYPE;
  if (expire !== undefined) {
    const time = parseExpire(expire.argument, expire.unit, db.nowMs, 'getex', false);
    if (!time.ok) return time.error;
    const reply = await bulkOf(db, meta);
    if (time.atMs <= db.nowMs) db.remove(key);
    else db.put(key, makeMeta(meta.type, meta.body, time.atMs, meta.id));
    return reply;
  }
  const reply = await bulkOf(db, meta);
  if (persist && meta.expireAtMs !== undefined) {
    db.put(key, makeMeta(meta.type, meta.body, undefined, meta.id));
  }
  return reply;
}

export const stringReadCommands: readonly DataHandler[] = [
  { kind: 'data', name: 'get', run: get },
  { kind: 'data', name: 'strlen', run: strlen },
  { kind: 'data', name: 'getrange', run: getRange },
  { kind: 'data', name: 'substr', run: getRange },
  { kind: 'data', name: 'mget', run: mget },
  { kind: 'data', name: 'getdel', run: getDel, oneKey: () => 'changes' },
  { kind: 'data', name: 'getex', run: getEx },
];

/** What SET … GET and GETSET answer of the old value. */
export async function oldValue(db: Database, argv: Request): Promise<Reply> {
  const meta = await db.get(argv[1]!);
  return meta === undefined ? NULL : bulkOf(db, meta);
}
