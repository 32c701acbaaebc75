import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '@tinykv/base';
import type { Client, RegionStatus } from '@tinykv/client';
import { locationKey, rangeContains } from '@tinykv/model';
import { CliError } from '../program.js';
import { benchKey, type KeySpace } from './workload.js';

const SPLIT_MS = 60_000;
const ASK_EVERY_MS = 500;
/** How long the scheduler has to spread the leaders before the work begins. */
const SPREAD_MS = 15_000;
const LOAD_BATCH = 200;

/** Keys of the benchmark in two lists, neither of them empty: of two Regions, or of one. */
export interface RegionKeys {
  readonly first: readonly Uint8Array[];
  readonly second: readonly Uint8Array[];
}

/** All keys in two halves. */
export function keysInHalves({ keys }: KeySpace): RegionKeys {
  return halves(Array.from({ length: keys }, (_, number) => benchKey(number)));
}

function halves(keys: readonly Uint8Array[]): RegionKeys {
  const middle = Math.ceil(keys.length / 2);
  return { first: keys.slice(0, middle), second: keys.slice(middle) };
}

/** Writes every key in transactions. */
export async function loadTransactions(
  client: Client,
  { keys }: KeySpace,
  value: Uint8Array,
): Promise<void> {
  for (let from = 0; from < keys; from += LOAD_BATCH) {
    await client.txn.run((txn) => {
      const end = Math.min(keys, from + LOAD_BATCH);
      for (let number = from; number < end; number++) txn.put(benchKey(number), value);
      return Promise.resolve();
    });
  }
}

/** Loads the keys, and of those that lie in the Region of the first one makes two lists. */
export async function keysOfOneRegion(
  client: Client,
  space: KeySpace,
  value: Uint8Array,
): Promise<RegionKeys> {
  await loadTransactions(client, space, value);
  const { admin } = client.scheduler;
  const { api } = await admin.clusterStatus();
  const location = (number: number): Uint8Array => locationKey(api, benchKey(number));
  const regions = await admin.regions();
  const region = regions.find(({ region: { range } }) => rangeContains(range, location(0)));
  if (region === undefined) throw new CliError('no Region holds the first key');
  const isInside = (number: number): boolean =>
    rangeContains(region.region.range, location(number));
  const numbers = Array.from({ length: space.keys }, (_, number) => number).filter(isInside);
  if (numbers.length < 2) throw new CliError('the Region of the first key holds no other');
  return halves(numbers.map(benchKey));
}

/** Loads the keys and has their Region split, so that they lie in two that different stores lead. */
export async function keysOfTwoRegions(
  client: Client,
  space: KeySpace,
  value: Uint8Array,
): Promise<RegionKeys> {
  await loadTransactions(client, space, value);
  const { admin } = client.scheduler;
  const { api } = await admin.clusterStatus();
  const keys = Array.from({ length: space.keys }, (_, number) => benchKey(number));
  const holds = (region: RegionStatus, key: Uint8Array): boolean =>
    rangeContains(region.region.range, locationKey(api, key));
  const startedAt = performance.now();
  let refusal = '';
  for (;;) {
    const regions = await admin.regions();
    const first = regions.find((region) => holds(region, keys[0]!));
    const last = regions.find((region) => holds(region, keys.at(-1)!));
    const elapsedMs = performance.now() - startedAt;
    const isSplit = first !== undefined && last !== undefined && first !== last;
    if (isSplit && (areSpread(first, last) || elapsedMs > SPREAD_MS)) {
      return {
        first: keys.filter((key) => holds(first, key)),
        second: keys.filter((key) => holds(last, key)),
      };
    }
    if (!isSplit && elapsedMs > SPLIT_MS) {
      throw new CliError(`the Region of the keys was not split in time: ${refusal}`);
    }
    if (!isSplit && first !== undefined) {
      // Refused while an operator is under way, or before the Region has reported what it holds.
      await admin
        .addOperator({ kind: 'split', regionId: first.region.id })
        .catch((error: unknown) => {
          refusal = errorMessage(error);
        });
    }
    await sleep(ASK_EVERY_MS);
  }
}

function areSpread(first: RegionStatus, second: RegionStatus): boolean {
  const [one, other] = [first.leader?.storeId, second.leader?.storeId];
  return one !== undefined && other !== undefined && one !== other;
}
