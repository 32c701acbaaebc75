import { describeBytes, prefixEnd, toHex } from '@tinykv/base';
import type { KvPair } from '@tinykv/client';
import { describeGatewayValue } from '@tinykv/gateway';
import { EXIT } from '@tinykv/server';
import { Command } from 'commander';
import { CliError, parseCount } from '../program.js';
import { showUserKey } from './show-key.js';
import { type CtlTools, parseKey, print } from './tools.js';

interface Space {
  readonly raw?: boolean;
}

interface PutFlags extends Space {
  readonly ttl?: number;
}

interface ScanFlags extends Space {
  readonly prefix?: string;
  readonly limit: number;
  readonly reverse?: boolean;
  readonly keys?: boolean;
}

const SCAN_LIMIT = 100;
/** A list shows the beginning of a long value; `get`, `--json` and `--hex` have the whole. */
const VALUE_SHOWN_MAX = 256;
const RAW_DOC = 'by the raw API';

/** `tinykv ctl put KEY VALUE`: one key, in a transaction of its own or by the raw API. */
export function putCommand(tools: CtlTools): Command {
  const put = new Command('put')
    .argument('<key>')
    .argument('<value>')
    .description('write one key, in a transaction of its own')
    .option('--raw', RAW_DOC)
    .option('--ttl <ms>', 'with --raw: the key is gone after so many milliseconds', parseCount);
  return put.action((keyText: string, valueText: string, { raw, ttl }: PutFlags) =>
    tools.onCluster(put, async (client, options) => {
      if (ttl !== undefined && raw !== true) {
        throw new CliError('--ttl is for raw keys: it needs --raw', EXIT.usage);
      }
      const key = parseKey(keyText, options);
      const value = parseKey(valueText, options);
      if (raw === true) await client.raw.put(key, value, { ttlMs: ttl });
      else await client.txn(async (t) => t.put(key, value));
      print(options, { written: true }, 'written');
      return EXIT.ok;
    }),
  );
}

/** `tinykv ctl delete KEY`. */
export function deleteCommand(tools: CtlTools): Command {
  const remove = new Command('delete')
    .argument('<key>')
    .description('remove one key, in a transaction of its own; one that is not there is no error')
    .option('--raw', RAW_DOC);
  return remove.action((keyText: string, { raw }: Space) =>
    tools.onCluster(remove, async (client, options) => {
      const key = parseKey(keyText, options);
      if (raw === true) await client.raw.delete(key);
      else await client.txn(async (t) => t.delete(key));
      print(options, { deleted: true }, 'deleted');
      return EXIT.ok;
    }),
  );
}

/** `tinykv ctl scan [START] [END]`. */
export function scanCommand(tools: CtlTools): Command {
  const scan = new Command('scan')
    .argument('[start]', 'the first key (default: that of the whole)')
    .argument('[end]', 'the first key that is left out')
    .description('keys in order with their values, newest committed')
    .option('--prefix <key>', 'keys that begin so, instead of a start and an end')
    .option('--limit <n>', 'at most so many', parseCount, SCAN_LIMIT)
    .option('--reverse', 'from the end down')
    .option('--keys', 'keys alone: values stay on the stores')
    .option('--raw', RAW_DOC);
  return scan.action((start: string | undefined, end: string | undefined, flags: ScanFlags) =>
    tools.onCluster(scan, async (client, options) => {
      const { prefix, limit, reverse = false, keys = false, raw = false } = flags;
      if (prefix !== undefined && start !== undefined) {
        throw new CliError('--prefix stands instead of a start and an end', EXIT.usage);
      }
      const from = parseKey(prefix ?? start ?? '', options);
      const until = prefix === undefined ? end && parseKey(end, options) : prefixEnd(from);
      const range = { ...(until ? { end: until } : {}), reverse, keyOnly: keys, limit: limit + 1 };
      const found = raw
        ? await client.raw.scan(from, range)
        : await (await client.snapshot()).scan(from, range);
      const pairs = found.slice(0, limit);
      const hasMore = found.length > limit;
      const view = { keys, raw, hex: options.hex === true };
      print(options, { pairs, hasMore }, scanText(pairs, hasMore, view));
      return EXIT.ok;
    }),
  );
}

interface ScanView {
  readonly keys: boolean;
  readonly raw: boolean;
  readonly hex: boolean;
}

/** Only transactional keys may be those of gateways. */
function scanText(
  pairs: readonly KvPair[],
  hasMore: boolean,
  { keys, raw, hex }: ScanView,
): string {
  const show = ({ key, value }: KvPair): string => {
    if (hex) return toHex(value);
    const ofGateway = raw
      ? undefined
      : describeGatewayValue(key, value, VALUE_SHOWN_MAX, expiryText);
    return ofGateway ?? describeBytes(value, VALUE_SHOWN_MAX);
  };
  const lines = pairs.map((pair) => {
    const shown = showUserKey(pair.key, hex);
    return keys ? shown : `${shown} = ${show(pair)}`;
  });
  if (hasMore) lines.push('there are more: --limit shows them');
  return lines.length === 0 ? 'no keys' : lines.join('\n');
}

/** An expiry beyond what a Date can hold is shown as the number that it is. */
function expiryText(ms: bigint): string {
  const date = new Date(Number(ms));
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}

/** The verbs without transactions. */
const RAW_VERBS: ReadonlyMap<string, string> = new Map([
  ['get', 'the value of a key'],
  ['put', 'write one key'],
  ['delete', 'remove one key; one that is not there is no error'],
  ['scan', 'keys in order with their values'],
]);

/** `tinykv ctl raw get | put | delete | scan`: the same commands with `--raw`, as many would guess. */
export function rawCommand(verbs: readonly Command[]): Command {
  const raw = new Command('raw').description(
    'get, put, delete and scan by the raw API, as with --raw',
  );
  for (const verb of verbs) {
    verb.setOptionValue('raw', true);
    raw.addCommand(verb.description(RAW_VERBS.get(verb.name()) ?? verb.description()));
  }
  return raw;
}
