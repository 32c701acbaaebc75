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
    let count = 0;
    while ((everything || !this.#blocked) && this.#held.length > 0) {
      const { end, bytes } = nextMessage(this.#held);
      const items = this.#held.slice(0, end);
      // Let go before it is sent: the transport may tell at once that the stream is gone.
      this.#held = this.#held.slice(end);
      this.#release(bytes);
      count += end;
      this.#blocked = !this.#stream.send(tinykvstream.BatchResponse.encode({ items }));
      if (this.#blocked) this.#stall ??= this.#clock.after(STALL_MS, this.#onStall);
    }
    return count;
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

/** How far the next message can go, and what its replies were counted as. */
function nextMessage(replies: readonly Reply[]): { readonly end: number; readonly bytes: number } {
  let bytes = 0;
  const most = Math.min(replies.length, limits.batchStreamItemsMax);
  for (let i = 0; i < most; i++) {
    const more = replies[i]!.response.length + REPLY_OVERHEAD_BYTES;
    if (i > 0 && bytes + more > limits.batchStreamMessageBytesMax) return { end: i, bytes };
    bytes += more;
  }
  return { end: most, bytes };
}
