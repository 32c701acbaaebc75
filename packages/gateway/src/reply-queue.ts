import { ReplyEncoder } from './resp/encoder.js';
import { type ProtocolVersion, type Reply, replyMemory } from './resp/types.js';

/** The place of one reply among those of its session. */
export interface Slot {
  reply: Reply | undefined;
  /** Memory of the reply. */
  bytes: number;
  readonly protocol: ProtocolVersion;
  readonly silent: boolean;
}

/** Bytes that go to the socket in one write, one long reply more or less. */
const WRITE_BYTES = 262_144;
/** Slots that have left are dropped when there are so many. */
const COMPACT_SLOTS = 256;

/** Replies of one session. Invariant: they leave in the order in which their requests were begun. */
export class ReplyQueue {
  readonly #encoder = new ReplyEncoder();
  #slots: Slot[] = [];
  #next = 0;
  /** Memory of replies that are not encoded. */
  #replyBytes = 0;
  #mode: 'on' | 'off' | 'skip' = 'on';
  /** The command that is running has just switched its own reply off. */
  #muteCurrent = false;

  /** Memory of what is not taken. */
  get heldBytes(): number {
    return this.#replyBytes + this.#encoder.length;
  }

  /** Bytes that are encoded and not taken. */
  get encodedBytes(): number {
    return this.#encoder.length;
  }

  /** Whether every request that was begun has been answered and encoded. */
  get idle(): boolean {
    return this.#slots.length === 0;
  }

  /** CLIENT REPLY: ON is answered itself, OFF and SKIP are not. */
  setMode(mode: 'on' | 'off' | 'skip'): void {
    this.#mode = mode;
    this.#muteCurrent = mode !== 'on';
  }

  /** Answers the command that is running, in the version that the session speaks after it. */
  answer(reply: Reply, protocol: ProtocolVersion): void {
    if (this.#muteCurrent) this.#muteCurrent = false;
    else this.fill(this.reserve(protocol), reply);
  }

  fill(slot: Slot, reply: Reply): void {
    slot.reply = reply;
    slot.bytes = replyMemory(reply);
    this.#replyBytes += slot.bytes;
  }

  /** A place that is filled later. */
  reserve(protocol: ProtocolVersion): Slot {
    const silent = this.#mode !== 'on';
    if (this.#mode === 'skip') this.#mode = 'on';
    const slot: Slot = { reply: undefined, bytes: 0, protocol, silent };
    this.#slots.push(slot);
    return slot;
  }

  /** EXEC is answered even when CLIENT REPLY was among its commands. */
  unmuteCurrent(): void {
    this.#muteCurrent = false;
  }

  /**
   * Encodes what is ready and whose turn it is, until there is about a socket's fill of it. Returns how
   * many errors were among it.
   */
  encodeReady(): number {
    let errors = 0;
    for (; this.#next < this.#slots.length; this.#next++) {
      if (this.#encoder.length >= WRITE_BYTES) break;
      const { reply, bytes, protocol, silent } = this.#slots[this.#next]!;
      if (reply === undefined) break;
      this.#replyBytes -= bytes;
      if (reply.type === 'error') errors++;
      if (!silent) this.#encoder.write(reply, protocol);
    }
    if (this.#next === this.#slots.length) {
      this.#slots = [];
      this.#next = 0;
    } else if (this.#next > COMPACT_SLOTS) {
      this.#slots = this.#slots.slice(this.#next);
      this.#next = 0;
    }
    return errors;
  }

  /** The encoded bytes, given away. */
  take(): Uint8Array {
    return this.#encoder.take();
  }
}
