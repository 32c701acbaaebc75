import type { NetError, StreamEvents } from '@tinykv/base';

/**
 * The events of a stream, whatever its handler throws: the first fault is given to `onFault`, which ends the stream,
 * and after it the handler is told of the end alone. Both ends need it: what arrives was written by others.
 */
export class GuardedEvents implements StreamEvents {
  readonly #events: StreamEvents;
  readonly #onFault: (error: unknown) => void;
  #hasFailed = false;

  constructor(events: StreamEvents, onFault: (error: unknown) => void) {
    this.#events = events;
    this.#onFault = onFault;
  }

  onMessage(message: Uint8Array): void {
    if (this.#hasFailed) return;
    try {
      this.#events.onMessage(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  onDrain(): void {
    if (this.#hasFailed) return;
    try {
      this.#events.onDrain?.();
    } catch (error) {
      this.#fail(error);
    }
  }

  onClose(error?: NetError): void {
    try {
      this.#events.onClose(error);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #fail(error: unknown): void {
    this.#hasFailed = true;
    this.#onFault(error);
  }
}
