import { assert, ByteWriter, type LogIndex, limits, toHex } from '@tinykv/base';
import type { ReadState } from '@tinykv/raft';

/** Why a read that waited for a read index can't be served here. */
export type ReadRefusal = 'not-leader' | 'lease-over' | 'busy' | 'destroyed';

export type ReadCallback = (refusal: ReadRefusal | undefined) => void;

/**
 * Reads that wait for a read index (Raft thesis §6.4): those of one turn share one request; each is
 * answered when the index that a quorum confirmed is applied. Contexts are unique over restarts and
 * terms, so that a late confirmation can never be taken for another's.
 */
export class ReadGate {
  readonly #nonce: Uint8Array;
  #sequence = 0;
  /** Not yet asked for. */
  #waiting: ReadCallback[] = [];
  /** Asked for, by context. */
  readonly #asked = new Map<string, ReadCallback[]>();
  /** Confirmed; waiting for apply. Indexes never decrease. */
  readonly #confirmed: { readonly index: LogIndex; readonly callbacks: ReadCallback[] }[] = [];
  #count = 0;

  constructor(nonce: Uint8Array) {
    this.#nonce = nonce;
  }

  get waiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Whether some read has no index yet. */
  get unconfirmed(): boolean {
    return this.#waiting.length > 0 || this.#asked.size > 0;
  }

  /** Calls back exactly once. */
  add(callback: ReadCallback): void {
    if (this.#count >= limits.regionPendingReadsMax) {
      callback('busy');
      return;
    }
    this.#count++;
    this.#waiting.push(callback);
  }

  /** The context of a read index request for everything that waits now. */
  ask(): Uint8Array {
    assert(this.#waiting.length > 0, 'no read waits for an index');
    const context = new ByteWriter(24)
      .raw(this.#nonce)
      .u64(++this.#sequence)
      .finish();
    this.#asked.set(toHex(context), this.#waiting);
    this.#waiting = [];
    return context;
  }

  /** Requests that may never be confirmed are made again; late answers to the old ones mean nothing. */
  askAgain(): void {
    if (this.#asked.size === 0) return;
    this.#waiting = [...this.#asked.values(), this.#waiting].flat();
    this.#asked.clear();
  }

  onReadState(state: ReadState, applied: LogIndex): void {
    const key = toHex(state.requestContext);
    const callbacks = this.#asked.get(key);
    if (callbacks === undefined) return;
    this.#asked.delete(key);
    if (state.index <= applied) this.#finish(callbacks, undefined);
    else this.#confirmed.push({ index: state.index, callbacks });
  }

  onApplied(applied: LogIndex): void {
    while (this.#confirmed.length > 0 && this.#confirmed[0]!.index <= applied) {
      this.#finish(this.#confirmed.shift()!.callbacks, undefined);
    }
  }

  /** The node lost its leadership or is destroyed: nothing that waits can be confirmed any more. */
  refuseAll(refusal: ReadRefusal): void {
    const all = [
      this.#waiting,
      ...this.#asked.values(),
      ...this.#confirmed.map((c) => c.callbacks),
    ];
    this.#waiting = [];
    this.#asked.clear();
    this.#confirmed.length = 0;
    for (const callbacks of all) this.#finish(callbacks, refusal);
  }

  /** As {@link refuseAll}; reads whose index a quorum has confirmed wait for its apply as before. */
  refuseUnconfirmed(refusal: ReadRefusal): void {
    const all = [this.#waiting, ...this.#asked.values()];
    this.#waiting = [];
    this.#asked.clear();
    for (const callbacks of all) this.#finish(callbacks, refusal);
  }

  #finish(callbacks: readonly ReadCallback[], refusal: ReadRefusal | undefined): void {
    this.#count -= callbacks.length;
    for (const callback of callbacks) callback(refusal);
  }
}
