import { createEnv } from '@tinykv/env-real';
import {
  decodeRange,
  decodeRangePage,
  decodeReadTxn,
  decodeSucceeded,
  ETCD_PUT,
  ETCD_RANGE,
  ETCD_TXN,
  type EtcdPage,
  type EtcdPair,
  type EtcdRange,
  encodePut,
  encodePutIfTxn,
  encodePutTxn,
  encodeRange,
  encodeRangePage,
  encodeReadTxn,
  type SeenKey,
} from './etcd-wire.js';

const TIMEOUT_MS = 10_000;

/** Unary calls to one member of etcd, all on one connection. */
export class EtcdClient {
  readonly #env = createEnv({ name: 'tinykv', logLevel: 'error' });
  readonly #address: string;
  readonly #timeoutMs: number;

  constructor(address: string, timeoutMs: number = TIMEOUT_MS) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<void> {
    await this.#call(ETCD_PUT, encodePut(key, value));
  }

  /** Linearizable. */
  async get(key: Uint8Array): Promise<EtcdPair | undefined> {
    return decodeRange(await this.#call(ETCD_RANGE, encodeRange(key)));
  }

  /** A page of a range of keys. */
  async range(range: EtcdRange): Promise<EtcdPage> {
    return decodeRangePage(await this.#call(ETCD_RANGE, encodeRangePage(range)));
  }

  async putTogether(keys: readonly Uint8Array[], value: Uint8Array): Promise<void> {
    const answer = await this.#call(ETCD_TXN, encodePutTxn(keys, value));
    if (!decodeSucceeded(answer)) throw new Error('a transaction without conditions failed');
  }

  /** Those of the keys that are there, linearizable and at one moment. */
  async getTogether(keys: readonly Uint8Array[]): Promise<EtcdPair[]> {
    return decodeReadTxn(await this.#call(ETCD_TXN, encodeReadTxn(keys)));
  }

  /** False: one of the keys has changed since. */
  async putAllIf(seen: readonly SeenKey[], value: Uint8Array): Promise<boolean> {
    return decodeSucceeded(await this.#call(ETCD_TXN, encodePutIfTxn(seen, value)));
  }

  close(): Promise<void> {
    return this.#env.close();
  }

  #call(method: string, request: Uint8Array): Promise<Uint8Array> {
    return this.#env.net.call(this.#address, method, request, {
      timeoutMs: this.#timeoutMs,
    });
  }
}
