import { EMPTY_BYTES, err, limits, ok, type Result } from '@tinykv/base';
import { inOneGo } from '../../command/in-one-go.js';
import { UNREADABLE } from '../../model/meta-codec.js';
import { stepsOf } from '../../model/pace.js';
import type { Database } from '../../model/redis-txn.js';
import { patchString, stringLength, writeString } from '../../model/strings.js';
import { parseInt64 } from '../../resp/decimal.js';
import type { Request } from '../../resp/request.js';
import { error, integer, NULL, OK, ONE, type Reply, ZERO } from '../../resp/types.js';
import { NOT_AN_INTEGER, TOO_LONG, UNREADABLE_RECORD, WRONG_TYPE, wrongArity } from '../errors.js';
import { EX, type ExpireUnit, PX, parseExpire } from '../expire-time.js';
import type { DataCall, DataHandler, Steps } from '../spec.js';
import { oldValue } from './get.js';
import { parseSetOptions, type StringOptions } from './options.js';

function set(call: DataCall, options: StringOptions): Reply {
  const { argv, db } = call;
  let expireAtMs: bigint | undefined;
  if (options.expire !== undefined) {
    const { argument, unit } = options.expire;
    const time = parseExpire(argument, unit, db.nowMs, 'set', false);
    if (!time.ok) return time.error;
    expireAtMs = time.atMs;
  }
  const key = argv[1]!;
  const old = db.get(key);
  const answer = options.get ? oldValue(db, argv) : OK;
  if (answer.type === 'error') return answer;
  const refused = old === undefined ? options.xx : options.nx;
  if (refused) return options.get ? answer : NULL;
  if (options.keepTtl) expireAtMs = old?.expireAtMs;
  store(call, key, argv[2]!, expireAtMs);
  return answer;
}

/** Writes the value. One that has expired already comes and goes: whoever watches the key hears of it. */
function store(
  { db }: DataCall,
  key: Uint8Array,
  value: Uint8Array,
  expireAtMs: bigint | undefined,
): void {
  if (expireAtMs === undefined || expireAtMs > db.nowMs) {
    writeString(db, key, value, expireAtMs);
    return;
  }
  writeString(db, key, EMPTY_BYTES);
  db.remove(key);
}

function setWithTtl(name: string, unit: ExpireUnit): DataHandler {
  return {
    kind: 'data',
    name,
    oneKey: () => 'overwrites',
    apply: (call) => {
      const { argv, db } = call;
      const time = parseExpire(argv[2]!, unit, db.nowMs, name, false);
      if (!time.ok) return time.error;
      db.get(argv[1]!);
      store(call, argv[1]!, argv[3]!, time.atMs);
      return OK;
    },
  };
}

function setNx({ argv, db }: DataCall): Reply {
  if (db.get(argv[1]!) !== undefined) return ZERO;
  writeString(db, argv[1]!, argv[2]!);
  return ONE;
}

function getSet({ argv, db }: DataCall): Reply {
  const answer = oldValue(db, argv);
  if (answer.type === 'error') return answer;
  writeString(db, argv[1]!, argv[2]!);
  return answer;
}

function parsePairs(name: string): (argv: Request) => Result<Pair[], Reply> {
  return (argv) => {
    if (argv.length % 2 === 0) return err(wrongArity(name));
    const pairs: Pair[] = [];
    for (let i = 1; i < argv.length; i += 2) pairs.push([argv[i]!, argv[i + 1]!]);
    return ok(pairs);
  };
}

function* mset({ db }: DataCall, pairs: readonly Pair[]): Steps {
  db.txn.expectWrites(pairs.length);
  for (const step of stepsOf(pairs)) {
    const keys = step.map(([key]) => key);
    db.metas.want(keys, false);
    if (keys.length === limits.gatewayStepKeys || db.txn.isMissing) yield;
    if (db.metas.many(keys).includes(UNREADABLE)) return UNREADABLE_RECORD;
  }
  yield* writePairs(db, pairs);
  return OK;
}

function* msetNx({ db }: DataCall, pairs: readonly Pair[]): Steps {
  let isRefused = false;
  for (const step of stepsOf(pairs)) {
    const keys = step.map(([key]) => key);
    db.metas.want(keys, false);
    if (keys.length === limits.gatewayStepKeys || db.txn.isMissing) yield;
    isRefused ||= db.metas.many(keys).some((meta) => meta !== undefined);
  }
  if (isRefused) return ZERO;
  yield* writePairs(db, pairs);
  return ONE;
}

function* writePairs(db: Database, pairs: readonly Pair[]): Generator<void, void, void> {
  for (const step of stepsOf(pairs)) {
    for (const [key, value] of step) writeString(db, key, value);
    if (step.length === limits.gatewayStepKeys) yield;
  }
}

type Pair = readonly [Uint8Array, Uint8Array];

function append({ argv, db }: DataCall): Reply {
  const meta = db.get(argv[1]!);
  if (meta !== undefined && meta.type !== 'string') return WRONG_TYPE;
  const length = stringLength(meta);
  if (length + argv[2]!.length > limits.gatewayBulkBytesMax) return TOO_LONG;
  return integer(patchString(db, argv[1]!, meta, length, argv[2]!));
}

function parseOffset(argv: Request): Result<number, Reply> {
  const parsed = parseInt64(argv[2]!);
  if (parsed === undefined) return err(NOT_AN_INTEGER);
  return parsed < 0n ? err(error('ERR offset is out of range')) : ok(Number(parsed));
}

function setRange({ argv, db }: DataCall, offset: number): Reply {
  const patch = argv[3]!;
  const meta = db.get(argv[1]!);
  if (meta !== undefined && meta.type !== 'string') return WRONG_TYPE;
  if (patch.length === 0) return integer(stringLength(meta));
  if (offset + patch.length > limits.gatewayBulkBytesMax) return TOO_LONG;
  return integer(patchString(db, argv[1]!, meta, offset, patch));
}

/** One that changes its key and needs no other. */
function changer(name: string, apply: (call: DataCall) => Reply): DataHandler {
  return { kind: 'data', name, apply, oneKey: () => 'changes' };
}

const setCommand: DataHandler<StringOptions> = {
  kind: 'data',
  name: 'set',
  parse: parseSetOptions,
  apply: set,
  // A value over one that has no expiry entry to be taken away needs nothing of it.
  oneKey: (_, { nx, xx, get, keepTtl }) => (nx || xx || get || keepTtl ? 'changes' : 'overwrites'),
};

const setRangeCommand: DataHandler<number> = {
  kind: 'data',
  name: 'setrange',
  parse: parseOffset,
  apply: setRange,
  oneKey: () => 'changes',
};

function ofPairs(
  name: string,
  steps: (call: DataCall, pairs: readonly Pair[]) => Steps,
): DataHandler<readonly Pair[]> {
  return { kind: 'data', name, parse: parsePairs(name), apply: inOneGo(steps), steps };
}

export const stringWriteCommands: readonly DataHandler[] = [
  setCommand,
  setWithTtl('setex', EX),
  setWithTtl('psetex', PX),
  changer('setnx', setNx),
  changer('getset', getSet),
  ofPairs('mset', mset),
  ofPairs('msetnx', msetNx),
  changer('append', append),
  setRangeCommand,
];
