import { createEnv } from '@tinykv/env-real';
import {
  decodeRange,
  decodeSucceeded,
  ETCD_PUT,
  ETCD_RANGE,
  ETCD_TXN,
  type EtcdPair,
  encodePut,
  encodePutIfTxn,
  encodePutTxn,
  encodeRange,
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

  async putTogether(keys: readonly Uint8Array[], value: Uint8Array): Promise<void> {
    const answer = await this.#call(ETCD_TXN, encodePutTxn(keys, value));
    if (!decodeSucceeded(answer)) throw new Error('a transaction without conditions failed');
  }

  /** False: the key has changed since. */
  async putIf(key: Uint8Array, value: Uint8Array, modRevision: number): Promise<boolean> {
    const request = encodePutIfTxn(key, value, modRevision);
    return decodeSucceeded(await this.#call(ETCD_TXN, request));
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
