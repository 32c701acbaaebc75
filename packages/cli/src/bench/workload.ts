import { randomBytes } from 'node:crypto';
import { utf8 } from '@tinykv/base';
import type { Operation } from './driver.js';

export const WORKLOADS = ['raw-put', 'raw-get', 'txn', 'gw-set', 'gw-get'] as const;
export type Workload = (typeof WORKLOADS)[number];
/** Those that are all said by their name. */
export type SimpleWorkload = Exclude<Workload, 'txn'>;

export const WORKLOAD_DOC: Readonly<Record<Workload, string>> = {
  'raw-put': 'put one key by the raw API',
  'raw-get': 'get one key by the raw API',
  txn: 'read two keys and write both in a transaction; also --mode, --conflict, --regions',
  'gw-set': 'SET through the gateway, a connection per client',
  'gw-get': 'GET through the gateway, a connection per client',
};

export interface KeySpace {
  /** Keys are drawn from this many. */
  readonly keys: number;
  readonly valueBytes: number;
}

/** Work that is ready to run on one system. */
export interface Prepared {
  readonly operation: Operation;
  close(): Promise<void>;
}

const KEY_PREFIX = utf8('bench/');
const KEY_DIGITS = 10;

/** By hand: a client that spends its time on text measures itself. */
export function benchKey(number: number): Uint8Array {
  const key = new Uint8Array(KEY_PREFIX.length + KEY_DIGITS);
  key.set(KEY_PREFIX);
  for (let at = key.length - 1, rest = number; at >= KEY_PREFIX.length; at--) {
    key[at] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return key;
}

export function randomNumber({ keys }: KeySpace): number {
  return Math.floor(Math.random() * keys);
}

export function randomKey(space: KeySpace): Uint8Array {
  return benchKey(randomNumber(space));
}

/** Two different keys. */
export function randomKeyPair(space: KeySpace): [Uint8Array, Uint8Array] {
  const first = randomNumber(space);
  const step = 1 + Math.floor(Math.random() * (space.keys - 1));
  return [benchKey(first), benchKey((first + step) % space.keys)];
}

/** Bytes that do not compress. */
export function randomValue({ valueBytes }: KeySpace): Uint8Array {
  return new Uint8Array(randomBytes(valueBytes));
}

const LOAD_PARALLEL = 64;

/** Runs `put` for every key, some at a time. */
export async function loadKeys(
  { keys }: KeySpace,
  put: (key: Uint8Array, number: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < keys) {
      const number = next++;
      await put(benchKey(number), number);
    }
  };
  await Promise.all(Array.from({ length: LOAD_PARALLEL }, worker));
}
