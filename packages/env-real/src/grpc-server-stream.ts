import { Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import type { NetError, NetStream, StreamEvents } from '@tinykv/base';
import { coalesceWrites, Outbox } from './grpc-outbox.js';
import { toStatus } from './grpc-status.js';

const HALF_CLOSE_GRACE_MS = 5;

/**
 * The server's end of a stream. It is closed for the handler when the client has ended its half, and may
 * still send after that until it ends the stream itself.
 */
export class ServerStream implements NetStream {
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #outbox: Outbox;
  #events: StreamEvents | undefined;
  /** Why the handler destroyed the stream. */
  #reason: NetError | undefined;
  /** Nothing more can be sent. */
  #ended = false;
  /** `onClose` was called: nothing is delivered any more. */
  #closed = false;

  constructor(call: ServerDuplexStream<Buffer, Buffer>) {
    this.#call = call;
    coalesceWrites(call);
    this.#outbox = new Outbox(call, () => this.#events?.onDrain?.());
  }

  /** Begins to deliver. */
  attach(events: StreamEvents): void {
    this.#events = events;
    const call = this.#call;
    call.on('data', (message: Buffer) => {
      if (!this.#closed) events.onMessage(message);
    });
    call.on('end', () => this.#whenReallyEnded(() => this.#close()));
    // Also emitted once our own status is sent: that is a clean end.
    call.on('cancelled', () => {
      const own = this.#ended;
      this.#ended = true;
      this.#close(own ? undefined : { code: 'CANCELLED', message: 'the client is gone' });
    });
  }

  get bufferedBytes(): number {
    return this.#ended ? 0 : this.#outbox.bufferedBytes;
  }

  send(message: Uint8Array): boolean {
    return this.#ended || this.#outbox.send(message);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#call.end();
    setImmediate(() => this.#close());
  }

  destroy(error?: NetError): void {
    if (this.#reason !== undefined) return;
    this.#reason = error ?? { code: 'CANCELLED', message: 'stream destroyed' };
    if (!this.#ended) {
      this.#ended = true;
      // grpc-js takes an error event for the status to send.
      this.#call.emit('error', toStatus(this.#reason));
    }
    setImmediate(() => this.#close());
  }

  /**
   * A stream that is reset, or whose connection breaks, ends as well, and Node's client says END_STREAM
   * before its RST_STREAM. Only what is not cancelled soon after was an end. This cannot be certain: a
   * protocol that must know says in a last message that it is complete.
   */
  #whenReallyEnded(ended: () => void): void {
    // Sending makes grpc-js look at the state of its stream; it does not by itself.
    this.#call.sendMetadata(new Metadata());
    // The immediate lets the loop read what came while it was busy.
    setTimeout(() => setImmediate(ended), HALF_CLOSE_GRACE_MS);
  }

  #close(error?: NetError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events?.onClose(this.#reason ?? error);
  }
}
