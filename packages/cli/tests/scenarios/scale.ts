import { createHash } from 'node:crypto';
import { utf8 } from '@tinykv/base';
import type { Client, RegionStatus } from '@tinykv/client';
import { type LiveCluster, type LiveClusterOptions, withCluster } from './live-cluster.js';

export interface ScaleOptions {
  readonly keys: number;
  readonly valueBytes: number;
  /** Such as `256KB`. */
  readonly regionMaxSize: string;
  readonly regionSplitSize: string;
  /** Splits that the load must have caused at least. */
  readonly regionsMin: number;
  /** How far from even the stores may be at the end, as a share. */
  readonly unevenMax: number;
  readonly balanceTimeoutMs: number;
  readonly portBase: number;
  readonly print: (line: string) => void;
}

export interface ScaleResult {
  readonly regions: number;
  readonly writeSeconds: number;
  /** Regions and leaders per store after the fourth store was added. */
  readonly balanced: readonly StoreLoad[];
  readonly balanceSeconds: number;
  readonly drainSeconds: number;
  /** Regions that do not have three voters and a leader after a store was drained. */
  readonly underReplicated: readonly number[];
  readonly scannedKeys: number;
  readonly isSame: boolean;
}

export interface StoreLoad {
  readonly storeId: number;
  readonly regions: number;
  readonly leaders: number;
}

const WRITERS = 64;
const REPLICAS = 3;

const keyOf = (number: number): Uint8Array => utf8(`scale/${String(number).padStart(10, '0')}`);

/**
 * Writes many keys into Regions with small limits: they split under load and spread over three stores. A
 * fourth store gets its share by snapshots, then one is drained; a full scan must equal what was written.
 */
export function runScale(options: ScaleOptions): Promise<ScaleResult> {
  const cluster: LiveClusterOptions = {
    name: 'scale',
    stores: 3,
    gateway: false,
    portBase: options.portBase,
    storeArgs: [
      `--region-max-size=${options.regionMaxSize}`,
      `--region-split-size=${options.regionSplitSize}`,
      '--split-check-interval=500ms',
    ],
    print: options.print,
  };
  return withCluster(cluster, (live) => runOn(live, options));
}

async function runOn(live: LiveCluster, options: ScaleOptions): Promise<ScaleResult> {
  const client = await live.client();
  const startedAt = performance.now();
  await writeAll(client, options);
  const writeSeconds = seconds(startedAt);
  options.print(`wrote ${options.keys} keys in ${writeSeconds} s`);
  const regions = await live.until('splitting', 60_000, async () => {
    const list = await live.regions();
    return list.length >= options.regionsMin ? list : undefined;
  });
  options.print(`${regions.length} Regions`);

  const addedAt = performance.now();
  const added = await live.cluster.scaleOut();
  if (typeof added === 'string') throw new Error(added);
  const balanced = await live.until('balancing', options.balanceTimeoutMs, () =>
    evenLoads(live, options.unevenMax),
  );
  const balanceSeconds = seconds(addedAt);
  options.print(
    `${added.spec.name} joined, balanced in ${balanceSeconds} s: ${describe(balanced)}`,
  );

  const drainedAt = performance.now();
  await drain(live, options.balanceTimeoutMs);
  const drainSeconds = seconds(drainedAt);
  options.print(`a store was drained in ${drainSeconds} s`);
  const after = await live.regions();
  const scanned = await compareScan(client, options);
  await client.close();
  return {
    regions: after.length,
    writeSeconds,
    balanced,
    balanceSeconds,
    drainSeconds,
    underReplicated: after.filter((info) => !isWhole(info)).map((info) => info.region.id),
    ...scanned,
  };
}

function seconds(since: number): number {
  return Number(((performance.now() - since) / 1000).toFixed(1));
}

function describe(loads: readonly StoreLoad[]): string {
  return loads.map((load) => `store ${load.storeId} ${load.regions}/${load.leaders}`).join(', ');
}

/** Every value follows from its number, so that a scan can be checked without keeping them all. */
function bytesOf(number: number, bytes: number): Uint8Array {
  const seed = createHash('sha256').update(String(number)).digest();
  const value = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) value[i] = seed[i % seed.length]!;
  return value;
}

async function writeAll(client: Client, options: ScaleOptions): Promise<void> {
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < options.keys) {
      const number = next++;
      await client.raw.put(keyOf(number), bytesOf(number, options.valueBytes), {
        // The same bytes at any time: writing them once more changes nothing.
        retryUnknown: true,
        timeoutMs: 30_000,
      });
      if (number % 50_000 === 0 && number > 0) options.print(`${number} keys`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

async function loadsOf(live: LiveCluster): Promise<StoreLoad[]> {
  const { stores } = await (await live.admin()).clusterStatus();
  return stores
    .filter((info) => info.store.state === 'up')
    .map((info) => ({
      storeId: info.store.id,
      regions: info.regionCount,
      leaders: info.leaderCount,
    }));
}

/** The loads, once none is farther from the mean than its share of it. */
async function evenLoads(live: LiveCluster, unevenMax: number): Promise<StoreLoad[] | undefined> {
  const loads = await loadsOf(live);
  const isEven = (counts: readonly number[]): boolean => {
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    return counts.every((count) => Math.abs(count - mean) <= Math.max(1, mean * unevenMax));
  };
  const even = isEven(loads.map((load) => load.regions)) && isEven(loads.map((l) => l.leaders));
  return even && loads.length === 4 ? loads : undefined;
}

/** Takes the first store offline and waits until it holds no peer and every Region is whole. */
async function drain(live: LiveCluster, timeoutMs: number): Promise<void> {
  const admin = await live.admin();
  const { stores } = await admin.clusterStatus();
  const leaving = stores[0]!.store.id;
  await admin.setStoreState(leaving, 'offline');
  await live.until('draining', timeoutMs, async () => {
    const regions = await live.regions();
    const isGone = regions.every((info) => info.region.peers.every((p) => p.storeId !== leaving));
    return isGone && regions.every(isWhole) ? true : undefined;
  });
}

function isWhole(info: RegionStatus): boolean {
  const voters = info.region.peers.filter((peer) => !peer.learner).length;
  return info.leader !== undefined && voters === REPLICAS;
}

async function compareScan(
  client: Client,
  options: ScaleOptions,
): Promise<{ scannedKeys: number; isSame: boolean }> {
  const written = createHash('sha256');
  for (let number = 0; number < options.keys; number++) {
    written.update(keyOf(number)).update(bytesOf(number, options.valueBytes));
  }
  const found = createHash('sha256');
  let scannedKeys = 0;
  for await (const { key, value } of client.raw.scan(utf8('scale/'), { end: utf8('scale0') })) {
    found.update(key).update(value);
    scannedKeys++;
  }
  return { scannedKeys, isSame: found.digest('hex') === written.digest('hex') };
}
