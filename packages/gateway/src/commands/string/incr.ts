import { readString, writeString } from '../../model/strings.js';
import { fitsInt64, parseInt64 } from '../../resp/decimal.js';
import { error, integer, type Reply } from '../../resp/types.js';
import { NOT_AN_INTEGER, OVERFLOW, WRONG_TYPE } from '../errors.js';
import type { DataCall, DataHandler } from '../spec.js';
import { latin1Bytes } from '../text.js';

const INT64_MIN = -0x8000_0000_0000_0000n;

/** A decimal number has at most so many bytes; longer values need not be read. */
const DIGITS_MAX = 20;

async function add(call: DataCall, delta: bigint): Promise<Reply> {
  const { argv, db } = call;
  const key = argv[1]!;
  const meta = await db.get(key);
  if (meta !== undefined && meta.type !== 'string') return WRONG_TYPE;
  let value = 0n;
  if (meta !== undefined) {
    if (meta.id !== undefined || meta.body.length > DIGITS_MAX) return NOT_AN_INTEGER;
    const parsed = parseInt64(await readString(db, meta));
    if (parsed === undefined) return NOT_AN_INTEGER;
    value = parsed;
  }
  const sum = value + delta;
  if (!fitsInt64(sum)) return OVERFLOW;
  writeString(db, key, latin1Bytes(String(sum)), meta?.expireAtMs);
  return integer(sum);
}

async function incrBy(call: DataCall): Promise<Reply> {
  const delta = parseInt64(call.argv[2]!);
  return delta === undefined ? NOT_AN_INTEGER : add(call, delta);
}

async function decrBy(call: DataCall): Promise<Reply> {
  const delta = parseInt64(call.argv[2]!);
  if (delta === undefined) return NOT_AN_INTEGER;
  if (delta === INT64_MIN) return error('ERR decrement would overflow');
  return add(call, -delta);
}

function counter(name: string, run: (call: DataCall) => Promise<Reply>): DataHandler {
  return { kind: 'data', name, run, oneKey: () => 'changes' };
}

export const counterCommands: readonly DataHandler[] = [
  counter('incr', (call) => add(call, 1n)),
  counter('decr', (call) => add(call, -1n)),
  counter('incrby', incrBy),
  counter('decrby', decrBy),
];
