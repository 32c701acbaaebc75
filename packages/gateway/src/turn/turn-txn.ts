import { equalBytes, InvariantError } from '@tinykv/base';
import type { KvTxn } from '../kv-port.js';

/** Below the steps of a turn: keeps what is written to the record of one key, and whether anything else was written. */
export class TurnTxn implements KvTxn {
  readonly startTs: bigint;
  #record: Uint8Array | undefined;
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
  }

  put(key: Uint8Array, value: Uint8Array): void {
    if (equalBytes(key, this.#record!)) this.value = value;
    else this.isWide = true;
  }

  delete(key: Uint8Array): void {
    if (equalBytes(key, this.#record!)) this.value = undefined;
    else this.isWide = true;
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
