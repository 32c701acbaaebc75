import { limits } from '@tinykv/base';
import { Glob } from '../../glob.js';
import { UNREADABLE } from '../../model/meta-codec.js';
import { scanKeys, visitKeys } from '../../model/scan.js';
import { parseInt64 } from '../../resp/decimal.js';
import type { Request } from '../../resp/request.js';
import { array, bulk, error, type Reply } from '../../resp/types.js';
import { ANSWER_TOO_LARGE, NOT_AN_INTEGER, SYNTAX_ERROR } from '../errors.js';
import type { DataCall, DataHandler } from '../spec.js';
import { latin1, latin1Bytes, upper } from '../text.js';

const INVALID_CURSOR = error('ERR invalid cursor');
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;
const DEFAULT_COUNT = 10;
/** Keys examined by one call, whatever the client asks for. */
const COUNT_MAX = 100_000;

interface ScanOptions {
  count: number;
  match: Glob | undefined;
  type: string | undefined;
}

/** As C's strtoul, which takes an empty text for 0 and a sign. */
function parseCursor(argument: Uint8Array): bigint | undefined {
  const text = latin1(argument);
  const digits = /^[+-]?([0-9]+)$/.exec(text)?.[1];
  if (text === '') return 0n;
  if (digits === undefined) return undefined;
  const value = BigInt(digits);
  if (value > UINT64_MAX) return undefined;
  return text.startsWith('-') ? BigInt.asUintN(64, -value) : value;
}

function parseOptions(argv: Request): ScanOptions | Reply {
  const options: ScanOptions = { count: DEFAULT_COUNT, match: undefined, type: undefined };
  for (let i = 2; i < argv.length; i += 2) {
    const word = upper(argv[i]!);
    const value = argv[i + 1];
    if (value === undefined) return SYNTAX_ERROR;
    if (word === 'COUNT') {
      const count = parseInt64(value);
      if (count === undefined) return NOT_AN_INTEGER;
      if (count < 1n) return SYNTAX_ERROR;
      options.count = Math.min(COUNT_MAX, Number(count));
    } else if (word === 'MATCH') {
      options.match = new Glob(value);
    } else if (word === 'TYPE') {
      options.type = latin1(value).toLowerCase();
    } else {
      return SYNTAX_ERROR;
    }
  }
  return options;
}

async function scan({ argv, db }: DataCall): Promise<Reply> {
  const cursor = parseCursor(argv[1]!);
  if (cursor === undefined) return INVALID_CURSOR;
  const options = parseOptions(argv);
  if (!('count' in options)) return options;
  const { next, keys } = await scanKeys(db, cursor, options.count);
  const items: Reply[] = [];
  for (const { key, meta } of keys) {
    if (options.match !== undefined && !options.match.matches(key)) continue;
    if (options.type !== undefined && (meta === UNREADABLE || options.type !== meta.type)) continue;
    items.push(bulk(key));
  }
  return array([bulk(latin1Bytes(String(next))), array(items)]);
}

async function keys({ argv, db }: DataCall): Promise<Reply> {
  const glob = new Glob(argv[1]!);
  const items: Reply[] = [];
  let bytes = 0;
  await visitKeys(db, (page) => {
    for (const { key } of page) {
      if (bytes > limits.gatewayOutputBytesMax || !glob.matches(key)) continue;
      bytes += key.length;
      items.push(bulk(key));
    }
  });
  return bytes > limits.gatewayOutputBytesMax ? ANSWER_TOO_LARGE : array(items);
}

export const scanCommands: readonly DataHandler[] = [
  { kind: 'data', name: 'scan', run: scan },
  { kind: 'data', name: 'keys', run: keys },
];
