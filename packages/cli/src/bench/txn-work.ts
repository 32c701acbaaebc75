import type { Client, ClientOptions } from '@tinykv/client';
import type { Operation } from './driver.js';
import { keysOfOneRegion, keysOfTwoRegions, type RegionKeys } from './region-keys.js';
import { type KeySpace, randomValue } from './workload.js';

/** How transactions are committed. */
export const TXN_MODES = ['1pc', 'async', '2pc'] as const;
export type TxnMode = (typeof TXN_MODES)[number];

/** What transactions are like that each read two keys and write both. */
export interface TxnShape {
  /** Undefined: as clients do without being told. */
  readonly mode: TxnMode | undefined;
  /** Percent of transactions that use one key that all share; the other keys belong to one client each. */
  readonly conflict: number;
  /** Where the two keys lie. */
  readonly regions: 1 | 2;
}

const MODE_OPTIONS: Readonly<Record<TxnMode, Partial<ClientOptions>>> = {
  '1pc': { onePhaseCommit: true, asyncCommit: false },
  async: { onePhaseCommit: false, asyncCommit: true },
  '2pc': { onePhaseCommit: false, asyncCommit: false },
};

/** How a client is made that commits so. */
export function clientOptionsOf({ mode }: TxnShape): Partial<ClientOptions> {
  return mode === undefined ? {} : MODE_OPTIONS[mode];
}

/** `1pc c10 r2`: all that differs from what is usual. */
export function describeShape({ mode, conflict, regions }: TxnShape): string {
  const parts = [
    mode ?? '',
    conflict === 0 ? '' : `c${conflict}`,
    regions === 1 ? '' : `r${regions}`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}

/** Two keys for each transaction: at times the one that all share, else some that no other client uses. */
export class TxnKeys {
  readonly #lists: RegionKeys;
  readonly #conflict: number;
  readonly #clients: number;

  constructor(lists: RegionKeys, conflict: number, clients: number) {
    this.#lists = lists;
    this.#conflict = conflict;
    this.#clients = clients;
  }

  draw(client: number): [Uint8Array, Uint8Array] {
    const { first, second } = this.#lists;
    const isShared = Math.random() * 100 < this.#conflict;
    return [isShared ? first[0]! : this.#own(first, client), this.#own(second, client)];
  }

  /** Of every so many keys behind the shared one, the client's; few keys are shared after all. */
  #own(list: readonly Uint8Array[], client: number): Uint8Array {
    const count = Math.max(1, list.length - 1);
    const turns = Math.max(1, Math.floor(count / this.#clients));
    const number = client + this.#clients * Math.floor(Math.random() * turns);
    return list[(1 + (number % count)) % list.length]!;
  }
}

/** A transaction that loses against another is run again with the same keys until it is committed. */
const RETRIES = 100_000;

/** Loads the keys, and has their Region split where two are asked for. */
export async function prepareTxn(
  client: Client,
  { conflict, regions }: TxnShape,
  space: KeySpace & { readonly clients: number },
): Promise<Operation> {
  const value = randomValue(space);
  const load = regions === 1 ? keysOfOneRegion : keysOfTwoRegions;
  const keys = new TxnKeys(await load(client, space, value), conflict, space.clients);
  return async (number) => {
    const pair = keys.draw(number);
    await client.txn.run(
      async (txn) => {
        const found = await txn.batchGet(pair);
        if (found.includes(undefined)) throw new Error('lost a key');
        for (const key of pair) txn.put(key, value);
      },
      { retries: RETRIES },
    );
  };
}
