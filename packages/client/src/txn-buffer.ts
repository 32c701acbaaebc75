import { fromKeyString, KvError, keyString, limits } from '@tinykv/base';
import type { KeyRange } from '@tinykv/model';
import { SortedNames } from './sorted-names.js';

/** `lock`: the key keeps its value, but the transaction fails when another one writes it meanwhile. */
export type Mutation =
  | { readonly kind: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: Uint8Array }
  | { readonly kind: 'lock'; readonly key: Uint8Array };

/** A mutation that gives the key a value, or none. */
export type Write = Exclude<Mutation, { readonly kind: 'lock' }>;

/** Writes of a range in scan order, from its beginning; undefined `last`: all that there are, else those up to it. */
export interface OwnWrites {
  readonly writes: readonly Write[];
  readonly last: Uint8Array | undefined;
}

/** A state of a transaction's writes to come back to; see {@link TxnBuffer.savepoint}. */
export class Savepoint {
  /** By name: the mutations that were replaced since, until the next savepoint; undefined: there was none. */
  readonly replaced: Map<string, Mutation | undefined> = new Map();
}

/** The writes of a transaction before it commits: the last one for each key. */
export class TxnBuffer {
  /** Undefined: the key's mutation was rolled back. */
  readonly #byKey = new Map<string, Mutation | undefined>();
  /** Of all keys. */
  readonly #names = new SortedNames();
  #size = 0;
  #bytes = 0;
  /** The latest last. */
  readonly #savepoints: Savepoint[] = [];
  /** Of the mutations that savepoints keep. */
  #keptBytes = 0;

  get size(): number {
    return this.#size;
  }

  /** Of keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: Uint8Array): Mutation | undefined {
    return this.#byKey.get(keyString(key));
  }

  /** A lock leaves a put or delete of its key as it is. Throws KvError RESOURCE_EXHAUSTED when full. */
  set(mutation: Mutation): void {
    const name = keyString(mutation.key);
    const former = this.#byKey.get(name);
    if (former !== undefined && mutation.kind === 'lock') return;
    const savepoint = this.#savepoints.at(-1);
    const isKept = savepoint !== undefined && !savepoint.replaced.has(name);
    const formerBytes = bytesOf(former);
    this.#checkRoom(former === undefined, mutationBytes(mutation) - (isKept ? 0 : formerBytes));
    if (isKept) {
      savepoint.replaced.set(name, former);
      this.#keptBytes += formerBytes;
    }
    this.#replace(name, former, mutation);
  }

  /** Later changes can be undone from here on; that costs as much as there are changes. */
  savepoint(): Savepoint {
    if (this.#savepoints.length >= limits.txnSavepointsMax) {
      const text = `the transaction has ${this.#savepoints.length} savepoints`;
      throw new KvError('RESOURCE_EXHAUSTED', text);
    }
    const savepoint = new Savepoint();
    this.#savepoints.push(savepoint);
    return savepoint;
  }

  /**
   * Undoes all changes since the savepoint, which stays; those that are later are gone. Throws KvError
   * FAILED_PRECONDITION for one that is gone or of another transaction.
   */
  rollbackTo(savepoint: Savepoint): void {
    if (!this.#savepoints.includes(savepoint)) {
      throw new KvError('FAILED_PRECONDITION', 'the transaction has no such savepoint');
    }
    for (;;) {
      const latest = this.#savepoints.at(-1)!;
      for (const [name, former] of latest.replaced) {
        this.#replace(name, this.#byKey.get(name), former);
        this.#keptBytes -= bytesOf(former);
      }
      latest.replaced.clear();
      if (latest === savepoint) return;
      this.#savepoints.pop();
    }
  }

  /** All mutations in key order. */
  sorted(): Mutation[] {
    return this.#names
      .all()
      .map((name) => this.#byKey.get(name))
      .filter((mutation) => mutation !== undefined);
  }

  /** Puts and deletes in a range, of which `most` keys are looked at. */
  range(range: KeyRange, reverse: boolean, most: number): OwnWrites {
    const names = this.#names.take(range, reverse, most);
    const writes: Write[] = [];
    for (const name of names) {
      const mutation = this.#byKey.get(name);
      if (mutation !== undefined && mutation.kind !== 'lock') writes.push(mutation);
    }
    return { writes, last: names.length < most ? undefined : fromKeyString(names.at(-1)!) };
  }

  #checkRoom(isNew: boolean, moreBytes: number): void {
    const bytes = this.#bytes + this.#keptBytes + moreBytes;
    if (bytes > limits.txnBytesMax || (isNew && this.#size >= limits.txnKeysMax)) {
      const text = `the transaction has ${this.#size} keys and ${bytes} bytes`;
      throw new KvError('RESOURCE_EXHAUSTED', text);
    }
  }

  #replace(name: string, former: Mutation | undefined, mutation: Mutation | undefined): void {
    this.#bytes += bytesOf(mutation) - bytesOf(former);
    this.#size += Number(mutation !== undefined) - Number(former !== undefined);
    if (!this.#byKey.has(name)) this.#names.add(name);
    this.#byKey.set(name, mutation);
  }
}

/** Bytes of key and value. */
export function mutationBytes(mutation: Mutation): number {
  return mutation.key.length + (mutation.kind === 'put' ? mutation.value.length : 0);
}

function bytesOf(mutation: Mutation | undefined): number {
  return mutation === undefined ? 0 : mutationBytes(mutation);
}
