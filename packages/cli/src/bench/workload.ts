import { randomBytes } from 'node:crypto';
import { utf8 } from '@tinykv/base';
import type { Operation } from './driver.js';

export const WORKLOADS = ['raw-put', 'raw-get', 'txn', 'gw-set', 'gw-get'] as const;
export type Workload = (typeof WORKLOADS)[number];

export const WORKLOAD_DOC: Readonly<Record<Workload, string>> = {
  'raw-put': 'put one key by the raw API',
  'raw-get': 'get one key by the raw API',
  txn: 'read two keys and write both in a transaction',
  'gw-set': 'SET through the gateway, a connection per client',
  'gw-get': 'GET through the gateway, a connection per client',
};

export interface WorkOptions {
  readonly clients: number;
  /** Keys are drawn from this many. */
  readonly keys: number;
  readonly valueBytes: number;
}

/** Work that is ready to run on one system. */
export interface Prepared {
  readonly operation: Operation;
  close(): Promise<void>;
}

/** A system under measurement. */
export interface Target {
  readonly name: string;
  /** Loads what the workload reads and opens its connections. */
  prepare(workload: Workload, options: WorkOptions): Promise<Prepared>;
  /** fsyncs of all its processes so far; undefined when it does not say. */
  fsyncs(): Promise<number | undefined>;
  close(): Promise<void>;
}

export function benchKey(number: number): Uint8Array {
  return utf8(`bench/${String(number).padStart(10, '0')}`);
}

export function randomKey(options: WorkOptions): Uint8Array {
  return benchKey(Math.floor(Math.random() * options.keys));
}

/** Two different keys. */
export function randomKeyPair(options: WorkOptions): [Uint8Array, Uint8Array] {
  const first = Math.floor(Math.random() * options.keys);
  const step = 1 + Math.floor(Math.random() * (options.keys - 1));
  return [benchKey(first), benchKey((first + step) % options.keys)];
}

/** Bytes that do not compress. */
export function randomValue(options: WorkOptions): Uint8Array {
  return new Uint8Array(randomBytes(options.valueBytes));
}

const LOAD_PARALLEL = 64;

/** Runs `put` for every key, some at a time. */
export async function loadKeys(
  options: WorkOptions,
  put: (key: Uint8Array) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < options.keys) await put(benchKey(next++));
  };
  await Promise.all(Array.from({ length: LOAD_PARALLEL }, worker));
}
