import { composeTimestamp, physicalMs, prefixEnd, type Timestamp, TS_ZERO } from '@tinykv/base';
import type { Client, LockScanOptions } from '@tinykv/client';
import type { LockInfo } from '@tinykv/model';
import { EXIT } from '@tinykv/server';
import { Command } from 'commander';
import { plainTable } from '../playground/report.js';
import { parseAmount, parseCount } from '../program.js';
import { withDefaultVerb } from './default-verb.js';
import { showBytes, timeOf } from './mvcc.js';
import { type CtlOptions, type CtlTools, parseKey, print } from './tools.js';

interface LockFilter {
  readonly prefix?: string;
  /** Seconds. */
  readonly minAge?: number;
  readonly maxAge?: number;
  readonly limit?: number;
}

const LS_LIMIT = 100;
/** Locks that are cleared before the next are looked for. */
const RESOLVE_BATCH = 256;

const LS_HELP = `
Examples:
  tinykv ctl locks ls
  tinykv ctl locks ls --prefix user: --min-age 60 --limit 1000 --json`;

const RESOLVE_HELP = `
Asks the primary of each lock what became of its transaction. What is committed or rolled back is carried out;
what has outlived its time is rolled back; what is alive stays as it is.

Examples:
  tinykv ctl locks resolve
  tinykv ctl locks resolve --prefix user: --min-age 3600`;

/** `tinykv ctl locks [ls] | resolve`. */
export function locksCommand(tools: CtlTools): Command {
  const locks = new Command('locks').description('locks of transactions');
  return withDefaultVerb(locks, listCommand(tools), resolveCommand(tools));
}

function withFilter(command: Command, limitDoc: string): Command {
  return command
    .option('--prefix <key>', 'of keys that begin so (default: all)')
    .option('--min-age <seconds>', 'of transactions that began so long ago, or before', parseAmount)
    .option('--max-age <seconds>', 'of transactions that began so long ago, or since', parseAmount)
    .option('--limit <n>', limitDoc, parseCount);
}

function listCommand(tools: CtlTools): Command {
  const list = withFilter(
    new Command('ls').description('locks in key order'),
    `at most so many (default: ${LS_LIMIT})`,
  ).addHelpText('after', LS_HELP);
  return list.action((filter: LockFilter) =>
    tools.onCluster(list, async (client, options) => {
      const now = await client.txn.timestamp();
      const limit = filter.limit ?? LS_LIMIT;
      const locks: LockInfo[] = [];
      let hasMore = false;
      for await (const lock of findLocks(client, filter, options, now)) {
        hasMore = locks.length === limit;
        if (hasMore) break;
        locks.push(lock);
      }
      print(options, { locks, hasMore }, locksText(locks, hasMore, now, options));
      return EXIT.ok;
    }),
  );
}

function resolveCommand(tools: CtlTools): Command {
  const resolve = withFilter(
    new Command('resolve').description('clears away what dead transactions have left'),
    'look at so many at most (default: all)',
  ).addHelpText('after', RESOLVE_HELP);
  return resolve.action((filter: LockFilter) =>
    tools.onCluster(resolve, async (client, options) => {
      const result = { cleared: 0, alive: 0, aliveForMs: 0 };
      for await (const batch of lockBatches(client, filter, options)) {
        for (const locks of byTransaction(batch)) {
          const aliveForMs = await client.inspect.resolve(locks);
          if (aliveForMs === 0) result.cleared += locks.length;
          else result.alive += locks.length;
          result.aliveForMs = Math.max(result.aliveForMs, aliveForMs);
        }
      }
      const { cleared, alive, aliveForMs } = result;
      const left = alive === 0 ? '' : `; ${alive} are alive, for ${aliveForMs} ms at most`;
      print(options, result, `cleared ${cleared} locks${left}`);
      return EXIT.ok;
    }),
  );
}

async function* findLocks(
  client: Client,
  { prefix, minAge, maxAge }: LockFilter,
  options: CtlOptions,
  now: Timestamp,
): AsyncGenerator<LockInfo, void, undefined> {
  const start = prefix === undefined ? undefined : parseKey(prefix, options);
  const range = start === undefined ? {} : { start, end: prefixEnd(start) };
  const scan: LockScanOptions =
    minAge === undefined ? range : { ...range, maxTs: ago(now, minAge) };
  const minTs = maxAge === undefined ? TS_ZERO : ago(now, maxAge);
  for await (const lock of client.inspect.locks(scan)) {
    if (lock.startTs >= minTs) yield lock;
  }
}

async function* lockBatches(
  client: Client,
  filter: LockFilter,
  options: CtlOptions,
): AsyncGenerator<readonly LockInfo[], void, undefined> {
  const now = await client.txn.timestamp();
  let left = filter.limit ?? Number.POSITIVE_INFINITY;
  let batch: LockInfo[] = [];
  for await (const lock of findLocks(client, filter, options, now)) {
    batch.push(lock);
    if (--left === 0) break;
    if (batch.length < RESOLVE_BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function byTransaction(locks: readonly LockInfo[]): Iterable<readonly LockInfo[]> {
  const groups = new Map<Timestamp, LockInfo[]>();
  for (const lock of locks) {
    const same = groups.get(lock.startTs);
    if (same === undefined) groups.set(lock.startTs, [lock]);
    else same.push(lock);
  }
  return groups.values();
}

function ago(now: Timestamp, seconds: number): Timestamp {
  return composeTimestamp(Math.max(0, physicalMs(now) - Math.round(seconds * 1000)), 0);
}

function locksText(
  locks: readonly LockInfo[],
  hasMore: boolean,
  now: Timestamp,
  options: CtlOptions,
): string {
  if (locks.length === 0) return 'no locks';
  const head = ['key', 'kind', 'primary', 'start_ts', 'began', 'age', 'time left'];
  const rows = locks.map(({ key, kind, primary, startTs, ttlMs }) => {
    const ageMs = physicalMs(now) - physicalMs(startTs);
    return [
      showBytes(key, options),
      kind,
      showBytes(primary, options),
      String(startTs),
      timeOf(startTs),
      `${(ageMs / 1000).toFixed(1)} s`,
      ageMs < ttlMs ? `${((ttlMs - ageMs) / 1000).toFixed(1)} s` : 'expired',
    ];
  });
  const table = plainTable(head, rows);
  return hasMore ? `${table}\nthere are more: --limit shows them` : table;
}
