import { equalBytes, InvariantError, keyString } from '@tinykv/base';
import type { KvChange, KvTxn } from '../kv-port.js';
import { isTtlKey } from '../model/keys.js';

const NO_COMPANIONS: readonly KvChange[] = [];

/**
 * Below the steps of a turn: keeps what is written to the record of one key, and to the expiry entries of it, which lie in the
 * same slot; and whether anything else was written.
 */
export class TurnTxn implements KvTxn {
  readonly startTs: bigint;
  #record: Uint8Array | undefined;
  readonly #entries = new Map<string, KvChange>();
  value: Uint8Array | undefined;
  /** It takes a transaction. */
  isWide = false;

  constructor(startTs: bigint) {
    this.startTs = startTs;
  }

  /** Another key has its turn. */
  begin(record: Uint8Array): void {
    this.#record = record;
    this.value = undefined;
    this.isWide = false;
    if (this.#entries.size > 0) this.#entries.clear();
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#change(key, value);
  }

  delete(key: Uint8Array): void {
    this.#change(key, undefined);
  }

  #change(key: Uint8Array, value: Uint8Array | undefined): void {
    if (equalBytes(key, this.#record!)) this.value = value;
    else if (isTtlKey(key)) this.#entries.set(keyString(key), { key, value });
    else this.isWide = true;
  }

  get companions(): readonly KvChange[] {
    return this.#entries.size === 0 ? NO_COMPANIONS : [...this.#entries.values()];
  }

  lockKey(): void {
    this.isWide = true;
  }

  get(): never {
    throw asksForMore();
  }
  batchGet(): never {
    throw asksForMore();
  }
  scan(): never {
    throw asksForMore();
  }
  commit(): never {
    throw asksForMore();
  }
  rollback(): never {
    throw asksForMore();
  }
}

function asksForMore(): InvariantError {
  return new InvariantError('a step of a turn asks the store by itself');
}
