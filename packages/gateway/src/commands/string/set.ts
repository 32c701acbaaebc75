import { EMPTY_BYTES, limits } from '@tinykv/base';
import type { OneKeyUse } from '../../job.js';
import { UNREADABLE } from '../../model/meta-codec.js';
import { stepsOf } from '../../model/pace.js';
import { patchString, stringLength, writeString } from '../../model/strings.js';
import { parseInt64 } from '../../resp/decimal.js';
import type { Request } from '../../resp/request.js';
import { error, integer, NULL, OK, ONE, type Reply, ZERO } from '../../resp/types.js';
import { NOT_AN_INTEGER, TOO_LONG, UNREADABLE_RECORD, WRONG_TYPE, wrongArity } from '../errors.js';
import { EX, type ExpireUnit, PX, parseExpire } from '../expire-time.js';
import type { DataCall, DataHandler } from '../spec.js';
import { oldValue } from './get.js';
import { parseSetOptions } from './options.js';

async function set(call: DataCall): Promise<Reply> {
  const { argv, db } = call;
  const parsed = parseSetOptions(argv);
  if (!parsed.ok) return parsed.error;
  const options = parsed.value;
  let expireAtMs: bigint | undefined;
  if (options.expire !== undefined) {
    const { argument, unit } = options.expire;
    const time = parseExpire(argument, unit, db.nowMs, 'set', false);
    if (!time.ok) return time.error;
    expireAtMs = time.atMs;
  }
  const key = argv[1]!;
  const old = await db.get(key);
  const answer = options.get ? await oldValue(db, argv) : OK;
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

function setWithTtl(name: string, unit: ExpireUnit): (call: DataCall) => Promise<Reply> {
  return async (call) => {
    const { argv, db } = call;
    const time = parseExpire(argv[2]!, unit, db.nowMs, name, false);
    if (!time.ok) return time.error;
    await db.get(argv[1]!);
    store(call, argv[1]!, argv[3]!, time.atMs);
    return OK;
  };
}

async function setNx(call: DataCall): Promise<Reply> {
  const { argv, db } = call;
  if ((await db.get(argv[1]!)) !== undefined) return ZERO;
  writeString(db, argv[1]!, argv[2]!);
  return ONE;
}

async function getSet(call: DataCall): Promise<Reply> {
  const answer = await oldValue(call.db, call.argv);
  if (answer.type === 'error') return answer;
  writeString(call.db, call.argv[1]!, call.argv[2]!);
  return answer;
}

async function mset(call: DataCall): Promise<Reply> {
  const pairs = pairsOf(call);
  if (pairs === undefined) return wrongArity('mset');
  call.db.txn.expectWrites(pairs.length);
  const old = await call.db.getMany(pairs.map(([key]) => key));
  if (old.includes(UNREADABLE)) return UNREADABLE_RECORD;
  await writePairs(call, pairs);
  return OK;
}

async function msetNx(call: DataCall): Promise<Reply> {
  const pairs = pairsOf(call);
  if (pairs === undefined) return wrongArity('msetnx');
  const old = await call.db.getMany(pairs.map(([key]) => key));
  if (old.some((meta) => meta !== undefined)) return ZERO;
  await writePairs(call, pairs);
  return ONE;
}

async function writePairs({ db }: DataCall, pairs: readonly Pair[]): Promise<void> {
  for (const step of stepsOf(pairs)) {
    for (const [key, value] of step) writeString(db, key, value);
    if (step.length === limits.gatewayStepKeys) await db.txn.pace.pause();
  }
}

type Pair = readonly [Uint8Array, Uint8Array];

function pairsOf(call: DataCall): Pair[] | undefined {
  const { argv } = call;
  if (argv.length % 2 === 0) return undefined;
  const pairs: Pair[] = [];
  for (let i = 1; i < argv.length; i += 2) pairs.push([argv[i]!, argv[i + 1]!]);
  return pairs;
}

async function append(call: DataCall): Promise<Reply> {
  const { argv, db } = call;
  const meta = await db.get(argv[1]!);
  if (meta !== undefined && meta.type !== 'string') return WRONG_TYPE;
  const length = stringLength(meta);
  if (length + argv[2]!.length > limits.gatewayBulkBytesMax) return TOO_LONG;
  return integer(await patchString(db, argv[1]!, meta, length, argv[2]!));
}

async function setRange(call: DataCall): Promise<Reply> {
  const { argv, db } = call;
  const parsed = parseInt64(argv[2]!);
  if (parsed === undefined) return NOT_AN_INTEGER;
  if (parsed < 0n) return error('ERR offset is out of range');
  const offset = Number(parsed);
  const patch = argv[3]!;
  const meta = await db.get(argv[1]!);
  if (meta !== undefined && meta.type !== 'string') return WRONG_TYPE;
  if (patch.length === 0) return integer(stringLength(meta));
  if (offset + patch.length > limits.gatewayBulkBytesMax) return TOO_LONG;
  return integer(await patchString(db, argv[1]!, meta, offset, patch));
}

/** One that changes its key and needs no other. */
function changer(name: string, run: (call: DataCall) => Promise<Reply>): DataHandler {
  return { kind: 'data', name, run, oneKey: () => 'changes' };
}

/** A value over one that has no expiry entry to be taken away needs nothing of it. */
function useOfSet(argv: Request): OneKeyUse | undefined {
  if (argv.length === 3) return 'overwrites';
  const options = parseSetOptions(argv);
  if (!options.ok) return undefined;
  const { nx, xx, get, keepTtl } = options.value;
  return nx || xx || get || keepTtl ? 'changes' : 'overwrites';
}

export const stringWriteCommands: readonly DataHandler[] = [
  { kind: 'data', name: 'set', run: set, oneKey: useOfSet },
  { kind: 'data', name: 'setex', run: setWithTtl('setex', EX), oneKey: () => 'overwrites' },
  { kind: 'data', name: 'psetex', run: setWithTtl('psetex', PX), oneKey: () => 'overwrites' },
  changer('setnx', setNx),
  changer('getset', getSet),
  { kind: 'data', name: 'mset', run: mset },
  { kind: 'data', name: 'msetnx', run: msetNx },
  changer('append', append),
  changer('setrange', setRange),
];
