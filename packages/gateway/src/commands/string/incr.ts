import { err, ok, type Result } from '@tinykv/base';
import { readString, writeString } from '../../model/strings.js';
import { fitsInt64, parseInt64 } from '../../resp/decimal.js';
import type { Request } from '../../resp/request.js';
import { error, integer, type Reply } from '../../resp/types.js';
import { NOT_AN_INTEGER, OVERFLOW, WRONG_TYPE } from '../errors.js';
import type { DataCall, DataHandler } from '../spec.js';
import { latin1Bytes } from '../text.js';

const INT64_MIN = -0x8000_0000_0000_0000n;

/** A decimal number has at most so many bytes; longer values need not be read. */
const DIGITS_MAX = 20;

function add({ argv, db }: DataCall, delta: bigint): Reply {
  const key = argv[1]!;
  const meta = db.get(key);
  if (meta !== undefined && meta.type !== 'string') return WRONG_TYPE;
  let value = 0n;
  if (meta !== undefined) {
    if (meta.id !== undefined || meta.body.length > DIGITS_MAX) return NOT_AN_INTEGER;
    const parsed = parseInt64(readString(db, meta));
    if (parsed === undefined) return NOT_AN_INTEGER;
    value = parsed;
  }
  const sum = value + delta;
  if (!fitsInt64(sum)) return OVERFLOW;
  writeString(db, key, latin1Bytes(String(sum)), meta?.expireAtMs);
  return integer(sum);
}

const ONE = ok(1n);
const MINUS_ONE = ok(-1n);

function parseIncrement(argv: Request): Result<bigint, Reply> {
  const delta = parseInt64(argv[2]!);
  return delta === undefined ? err(NOT_AN_INTEGER) : ok(delta);
}

function parseDecrement(argv: Request): Result<bigint, Reply> {
  const delta = parseInt64(argv[2]!);
  if (delta === undefined) return err(NOT_AN_INTEGER);
  return delta === INT64_MIN ? err(error('ERR decrement would overflow')) : ok(-delta);
}

/** Its plan is what it adds. */
function counter(
  name: string,
  parse: (argv: Request) => Result<bigint, Reply>,
): DataHandler<bigint> {
  return { kind: 'data', name, parse, apply: add, oneKey: () => 'changes' };
}

export const counterCommands: readonly DataHandler<bigint>[] = [
  counter('incr', () => ONE),
  counter('decr', () => MINUS_ONE),
  counter('incrby', parseIncrement),
  counter('decrby', parseDecrement),
];
