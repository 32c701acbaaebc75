import { err, limits, ok, type Result } from '@tinykv/base';
import { Glob } from '../../glob.js';
import { UNREADABLE } from '../../model/meta-codec.js';
import type { Database } from '../../model/redis-txn.js';
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

interface ScanPlan {
  readonly cursor: bigint;
  readonly options: ScanOptions;
}

function parseScan(argv: Request): Result<ScanPlan, Reply> {
  const cursor = parseCursor(argv[1]!);
  if (cursor === undefined) return err(INVALID_CURSOR);
  const options = parseOptions(argv);
  return 'count' in options ? ok({ cursor, options }) : err(options);
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

function scan({ db }: DataCall, { cursor, options }: ScanPlan): Reply {
  const { next, keys } = db.txn.loads.answer(() => scanKeys(db, cursor, options.count));
  const items: Reply[] = [];
  for (const { key, meta } of keys) {
    if (options.match !== undefined && !options.match.matches(key)) continue;
    if (options.type !== undefined && (meta === UNREADABLE || options.type !== meta.type)) continue;
    items.push(bulk(key));
  }
  return array([bulk(latin1Bytes(String(next))), array(items)]);
}

function keys({ argv, db }: DataCall): Reply {
  return db.txn.loads.answer(() => matchingKeys(db, new Glob(argv[1]!)));
}

async function matchingKeys(db: Database, glob: Glob): Promise<Reply> {
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

const scanCommand: DataHandler<ScanPlan> = {
  kind: 'data',
  name: 'scan',
  parse: parseScan,
  apply: scan,
};

export const scanCommands: readonly DataHandler[] = [
  scanCommand,
  { kind: 'data', name: 'keys', apply: keys },
];
