import { type Clock, limits, type MemoryBudget, type NetStream, type Timer } from '@tinykv/base';
import { type Init, tinykvstream } from '@tinykv/proto';

export type Reply = Init<tinykvstream.BatchResponseItem> & { readonly response: Uint8Array };

/** Room for the fields around one reply in a message. */
const REPLY_OVERHEAD_BYTES = 64;
/** A client that reads nothing for so long, while the transport is full, is dropped. */
const STALL_MS = 30_000;

/**
 * Answers of one stream on their way to the transport.
 *
 * Invariant: what is held is reserved in the budget.
 */
export class BatchReplies {
  readonly #clock: Clock;
  readonly #stream: NetStream;
  readonly #budget: MemoryBudget;
  readonly #onStall: () => void;
  #held: Reply[] = [];
  #bytes = 0;
  /** The transport asked to wait for `onDrain`. */
  #blocked = false;
  #stall: Timer | undefined;

  constructor(clock: Clock, stream: NetStream, budget: MemoryBudget, onStall: () => void) {
    this.#clock = clock;
    this.#stream = stream;
    this.#budget = budget;
    this.#onStall = onStall;
  }

  /** So much waits for the client that nothing more is begun for it. */
  get isFull(): boolean {
    return this.#bytes + this.#stream.bufferedBytes >= limits.batchStreamReplyBytesMax;
  }

  push(reply: Reply): void {
    const bytes = reply.response.length + REPLY_OVERHEAD_BYTES;
    this.#held.push(reply);
    this.#bytes += bytes;
    this.#budget.reserve(bytes);
  }

  /** Hands over what the transport takes, or everything; how many answers that were. */
  flush(everything: boolean): number {
    let from = 0;
    while ((everything || !this.#blocked) && from < this.#held.length) {
      const { end, bytes } = nextMessage(this.#held, from);
      const message = { items: this.#held.slice(from, end) };
      this.#blocked = !this.#stream.send(tinykvstream.BatchResponse.encode(message));
      if (this.#blocked) this.#stall ??= this.#clock.after(STALL_MS, this.#onStall);
      this.#release(bytes);
      from = end;
    }
    if (from > 0) this.#held = this.#held.slice(from);
    return from;
  }

  onDrain(): void {
    this.#blocked = false;
    this.#stall?.cancel();
    this.#stall = undefined;
  }

  /** The stream is gone. */
  drop(): void {
    this.onDrain();
    this.#release(this.#bytes);
    this.#held = [];
  }

  #release(bytes: number): void {
    this.#bytes -= bytes;
    this.#budget.release(bytes);
  }
}

/** How far a message that begins with reply `from` can go, and what its replies were counted as. */
function nextMessage(
  replies: readonly Reply[],
  from: number,
): { readonly end: number; readonly bytes: number } {
  let bytes = 0;
  const most = Math.min(replies.length, from + limits.batchStreamItemsMax);
  for (let i = from; i < most; i++) {
    const more = replies[i]!.response.length + REPLY_OVERHEAD_BYTES;
    if (i > from && bytes + more > limits.batchStreamMessageBytesMax) return { end: i, bytes };
    bytes += more;
  }
  return { end: most, bytes };
}
