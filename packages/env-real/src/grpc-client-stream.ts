import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { NetError, NetStream, StreamEvents } from '@tinykv/base';
import { Outbox } from './grpc-outbox.js';
import { fromServiceError } from './grpc-status.js';

/** The client's end of a stream. */
export class ClientStream implements NetStream {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #events: StreamEvents;
  readonly #outbox: Outbox;
  readonly #onClosed: () => void;
  #ended = false;
  /** Nothing is delivered once this is set. */
  #closed = false;

  /** `onClosed` is for the owner of the connection; it runs before the events' `onClose`. */
  constructor(
    call: ClientDuplexStream<Buffer, Buffer>,
    what: string,
    events: StreamEvents,
    onClosed: () => void,
  ) {
    this.#call = call;
    this.#events = events;
    this.#onClosed = onClosed;
    this.#outbox = new Outbox(call, () => {
      if (!this.#closed) events.onDrain?.();
    });
    call.on('data', (message: Buffer) => {
      if (!this.#closed) events.onMessage(message);
    });
    call.on('error', (error: ServiceError) => this.#close(fromServiceError(error, what)));
    // An end without an error is the server's OK; by then every message has been delivered.
    call.on('end', () => this.#close());
  }

  get bufferedBytes(): number {
    return this.#closed ? 0 : this.#outbox.bufferedBytes;
  }

  send(message: Uint8Array): boolean {
    return this.#ended || this.#closed || this.#outbox.send(message);
  }

  end(): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    this.#call.end();
  }

  destroy(error?: NetError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClosed();
    this.#call.cancel();
    const reason = error ?? { code: 'CANCELLED', message: 'stream destroyed' };
    // Never from within the caller's own turn.
    setImmediate(() => this.#events.onClose(reason));
  }

  #close(error?: NetError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClosed();
    this.#call.end();
    this.#events.onClose(error);
  }
}
