import { setTimeout as sleep } from 'node:timers/promises';
import { fromUtf8, utf8 } from '@tinykv/base';
import { type Client, RetryableTxnError, UndeterminedError } from '@tinykv/client';
import { killLeaders, splitRegions } from './disturb.js';
import { type LiveCluster, type LiveClusterOptions, withCluster } from './live-cluster.js';

export interface BankOptions {
  readonly seconds: number;
  readonly clients: number;
  readonly accounts: number;
  /** How often a store that leads is killed and restarted. */
  readonly killEveryMs: number;
  readonly portBase: number;
  readonly print: (line: string) => void;
}

export interface BankResult {
  readonly transfers: number;
  readonly conflicts: number;
  readonly unknown: number;
  readonly failed: number;
  readonly snapshots: number;
  readonly kills: number;
  readonly regions: number;
  /** Snapshot reads whose sum was not what it must be. */
  readonly wrongTotals: readonly number[];
}

const START_BALANCE = 1_000;
const REGIONS_MIN = 4;

interface Counts {
  transfers: number;
  conflicts: number;
  unknown: number;
  failed: number;
  snapshots: number;
  readonly wrongTotals: number[];
}

const account = (number: number): Uint8Array => utf8(`bank/${String(number).padStart(6, '0')}`);
const encode = (balance: number): Uint8Array => utf8(String(balance));
const decode = (value: Uint8Array | undefined): number =>
  value === undefined ? Number.NaN : Number.parseInt(fromUtf8(value), 10);

/**
 * Concurrent transfers by two-phase commit among accounts in several Regions, while leaders are killed:
 * the total must be the same in every snapshot.
 */
export function runBank(options: BankOptions): Promise<BankResult> {
  const cluster: LiveClusterOptions = {
    name: 'bank',
    stores: 3,
    gateway: false,
    portBase: options.portBase,
    print: options.print,
  };
  return withCluster(cluster, (live) => runOn(live, options));
}

async function runOn(live: LiveCluster, options: BankOptions): Promise<BankResult> {
  const clients: Client[] = [];
  for (let i = 0; i < options.clients; i++) clients.push(await live.client());
  const [first] = clients;
  if (first === undefined) throw new Error('a bank needs clients');
  await openAccounts(first, options.accounts);
  await splitRegions(live, REGIONS_MIN);
  const counts: Counts = {
    transfers: 0,
    conflicts: 0,
    unknown: 0,
    failed: 0,
    snapshots: 0,
    wrongTotals: [],
  };
  const endsAt = performance.now() + options.seconds * 1000;
  const isOver = (): boolean => performance.now() >= endsAt;
  const tellers = clients.map((client) => transferUntil(client, options, counts, isOver));
  const auditor = auditUntil(first, options, counts, isOver);
  const progress = (): string => `${counts.transfers} transfers, ${counts.snapshots} snapshots`;
  const kills = await killLeaders(live, options.killEveryMs, isOver, progress);
  await Promise.all([...tellers, auditor]);
  await live.waitReady();
  await audit(first, options, counts);
  const regions = (await live.regions()).length;
  for (const client of clients) await client.close();
  return { ...counts, kills, regions };
}

async function openAccounts(client: Client, accounts: number): Promise<void> {
  await client.txn.run((txn) => {
    for (let i = 0; i < accounts; i++) txn.put(account(i), encode(START_BALANCE));
    return Promise.resolve();
  });
}

async function transferUntil(
  client: Client,
  options: BankOptions,
  counts: Counts,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const from = Math.floor(Math.random() * options.accounts);
    const to = (from + 1 + Math.floor(Math.random() * (options.accounts - 1))) % options.accounts;
    const amount = 1 + Math.floor(Math.random() * 10);
    try {
      const txn = await client.txn.begin();
      const [a, b] = await txn.batchGet([account(from), account(to)]);
      txn.put(account(from), encode(decode(a) - amount));
      txn.put(account(to), encode(decode(b) + amount));
      await txn.commit();
      counts.transfers++;
    } catch (error) {
      if (error instanceof UndeterminedError) counts.unknown++;
      else if (error instanceof RetryableTxnError) counts.conflicts++;
      else counts.failed++;
      await sleep(5);
    }
  }
}

async function auditUntil(
  client: Client,
  options: BankOptions,
  counts: Counts,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    try {
      await audit(client, options, counts);
    } catch {
      await sleep(20); // A Region without a leader: the next look will see.
    }
  }
}

/** One snapshot: by scan and by batch get in turns, since they go different ways. */
async function audit(client: Client, options: BankOptions, counts: Counts): Promise<void> {
  const txn = await client.txn.begin();
  const numbers = Array.from({ length: options.accounts }, (_, i) => i);
  const values =
    counts.snapshots % 2 === 0
      ? (await txn.scan(account(0), { end: utf8('bank/~') })).map((pair) => pair.value)
      : await txn.batchGet(numbers.map(account));
  txn.rollback();
  const total = values.reduce((sum, value) => sum + decode(value), 0);
  counts.snapshots++;
  const isRight = values.length === options.accounts && total === options.accounts * START_BALANCE;
  if (!isRight) counts.wrongTotals.push(total);
}
