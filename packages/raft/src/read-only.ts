import type { LogIndex, PeerId } from '@tinykv/base';
import { assert, ByteReader, ByteWriter, EMPTY_BYTES } from '@tinykv/base';
import type { JointConfig } from './quorum.js';
import type { Message } from './types.js';

/** A ReadIndex request and the commit index at the time it came. */
export interface PendingRead {
  readonly request: Message;
  readonly index: LogIndex;
}

/**
 * Reads of one leadership that wait for a quorum to confirm it (thesis §6.4). Reads are numbered in
 * order of arrival; a heartbeat carries the number of the last one, and an ack for a number confirms
 * all reads up to it. So one round of heartbeats serves any number of reads, and the confirmed number
 * is a quorum's median just like a commit index.
 */
export class ReadOnly {
  readonly #acks = new Map<PeerId, number>();
  #unconfirmed: PendingRead[] = [];
  /** How many reads were confirmed before the first of `#unconfirmed`. */
  #confirmed = 0;

  get size(): number {
    return this.#unconfirmed.length;
  }

  add(request: Message, index: LogIndex): void {
    this.#unconfirmed.push({ request, index });
  }

  /** `context` is what came back of `heartbeatContext`. */
  acknowledge(from: PeerId, context: Uint8Array): void {
    const position = new ByteReader(context).u64();
    this.#acks.set(from, Math.max(this.#acks.get(from) ?? 0, position));
  }

  /** Takes out the reads that a quorum of `voters` has confirmed, in order of arrival. */
  advance(voters: JointConfig): readonly PendingRead[] {
    const position = voters.committedIndex((id) => this.#acks.get(id));
    if (position <= this.#confirmed) return [];
    const count = position - this.#confirmed;
    assert(
      count <= this.#unconfirmed.length,
      () => `reads up to ${position} acknowledged, ${this.#unconfirmed.length} wait`,
    );
    const confirmed = this.#unconfirmed.slice(0, count);
    this.#unconfirmed = this.#unconfirmed.slice(count);
    this.#confirmed = position;
    return confirmed;
  }

  /** What a heartbeat carries so that its ack confirms all waiting reads; empty when none waits. */
  heartbeatContext(): Uint8Array {
    if (this.#unconfirmed.length === 0) return EMPTY_BYTES;
    const writer = new ByteWriter(8);
    writer.u64(this.#confirmed + this.#unconfirmed.length);
    return writer.finish();
  }
}
