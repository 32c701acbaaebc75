import {
  type Awaitable,
  type Env,
  errorMessage,
  KvError,
  limits,
  type NetError,
  type NetStream,
  type PeerInfo,
  type ServiceTable,
  type StreamEvents,
  type UnaryHandler,
} from '@tinykv/base';
import { batchMethod, grpcStatusOf, type Init, tinykvstream } from '@tinykv/proto';

type Item = tinykvstream.BatchRequestItem;
type Reply = Init<tinykvstream.BatchResponseItem> & { readonly response: Uint8Array };

const NO_BYTES = new Uint8Array(0);
/** Requests that one turn answers by itself; those that have to wait for something do not count. */
const ANSWERS_PER_TURN = 64;
/** Room for the fields around one reply in a message. */
const REPLY_OVERHEAD_BYTES = 64;

/** `tinykvstream.Batch`: the unary methods of a store, many requests to one message. */
export function batchService(env: Env, unary: ReadonlyMap<string, UnaryHandler>): ServiceTable {
  const { path } = tinykvstream.Batch.commands;
  return {
    unary: new Map(),
    stream: new Map([[path, (stream, peer) => new BatchSession(env, unary, stream, peer)]]),
  };
}

/**
 * One client's stream. Requests run side by side and are answered in the order in which they end, the
 * answers of one turn in one message. A turn gives so many answers itself and leaves the other requests to the
 * next: the client works on these while the store works on those, instead of each waiting for the other. A
 * request counts as in flight until its answer is handed to the transport, so a client that does not read its
 * answers is soon refused.
 */
class BatchSession implements StreamEvents {
  readonly #env: Env;
  readonly #unary: ReadonlyMap<string, UnaryHandler>;
  readonly #stream: NetStream;
  readonly #peer: PeerInfo;
  #inflight = 0;
  /** Admitted, and not begun. */
  #queue: Item[] = [];
  #replies: Reply[] = [];
  #turnScheduled = false;
  /** The transport asked to wait for `onDrain`. */
  #blocked = false;
  /** The client sends no more and waits for the rest of its answers. */
  #ending = false;
  #closed = false;

  constructor(
    env: Env,
    unary: ReadonlyMap<string, UnaryHandler>,
    stream: NetStream,
    peer: PeerInfo,
  ) {
    this.#env = env;
    this.#unary = unary;
    this.#stream = stream;
    this.#peer = peer;
  }

  onMessage(message: Uint8Array): void {
    if (this.#closed) return;
    let items: readonly Item[];
    try {
      ({ items } = tinykvstream.BatchRequest.decode(message));
    } catch (error) {
      this.#destroy('INVALID_ARGUMENT', errorMessage(error));
      return;
    }
    if (items.length > limits.batchStreamItemsMax) {
      this.#destroy('INVALID_ARGUMENT', `${items.length} requests in one message`);
      return;
    }
    for (const item of items) this.#admit(item);
    if (!this.#turnScheduled) this.#turn();
  }

  onClose(error?: NetError): void {
    if (this.#closed) return;
    if (error !== undefined) {
      this.#abandon();
      return;
    }
    this.#ending = true;
    // What is left is bounded by the requests in flight, and the transport takes it even when it is full.
    this.#blocked = false;
    this.#flush();
  }

  onDrain(): void {
    this.#blocked = false;
    this.#flush();
  }

  #admit(item: Item): void {
    if (this.#inflight >= 2 * limits.batchStreamInflightMax) {
      // It has been refused this often and still has not read one refusal.
      this.#destroy('RESOURCE_EXHAUSTED', 'answers are not read');
      return;
    }
    this.#inflight += 1;
    if (this.#inflight > limits.batchStreamInflightMax) {
      const text = `more than ${limits.batchStreamInflightMax} requests in flight`;
      this.#reply(failure(item, new KvError('RESOURCE_EXHAUSTED', text)));
      return;
    }
    this.#queue.push(item);
  }

  #turn(): void {
    this.#turnScheduled = false;
    let begun = 0;
    for (let left = ANSWERS_PER_TURN; left > 0 && begun < this.#queue.length; begun++) {
      if (this.#run(this.#queue[begun]!)) left--;
    }
    this.#queue = begun === this.#queue.length ? [] : this.#queue.slice(begun);
    this.#flush();
    if (this.#queue.length > 0) this.#turnLater();
  }

  #turnLater(): void {
    if (this.#turnScheduled || this.#closed) return;
    this.#turnScheduled = true;
    this.#env.clock.defer(() => this.#turn());
  }

  /** True when it is answered already. */
  #run(item: Item): boolean {
    const method = batchMethod(item.method);
    const handler = method && this.#unary.get(method.path);
    if (handler === undefined) {
      const text = `method ${item.method} is not served`;
      this.#replies.push(failure(item, new KvError('UNIMPLEMENTED', text)));
      return true;
    }
    let response: Awaitable<Uint8Array>;
    try {
      response = handler(item.request, this.#peer);
    } catch (error) {
      this.#replies.push(this.#failed(item, error));
      return true;
    }
    if (!(response instanceof Promise)) {
      this.#replies.push({ id: item.id, response });
      return true;
    }
    response.then(
      (bytes) => this.#reply({ id: item.id, response: bytes }),
      (error: unknown) => this.#reply(this.#failed(item, error)),
    );
    return false;
  }

  #failed(item: Item, error: unknown): Reply {
    if (error instanceof KvError) return failure(item, error);
    const method = batchMethod(item.method)?.name;
    this.#env.logger.error('request failed', { method, error: errorMessage(error) });
    return failure(item, new KvError('INTERNAL', errorMessage(error)));
  }

  #reply(reply: Reply): void {
    if (this.#closed) return;
    this.#replies.push(reply);
    this.#turnLater();
  }

  #flush(): void {
    let from = 0;
    while (!this.#closed && !this.#blocked && from < this.#replies.length) {
      const to = messageEnd(this.#replies, from);
      const message = { items: this.#replies.slice(from, to) };
      const hasRoom = this.#stream.send(tinykvstream.BatchResponse.encode(message));
      this.#blocked = !hasRoom && !this.#ending;
      this.#inflight -= to - from;
      from = to;
    }
    if (from > 0) this.#replies = this.#replies.slice(from);
    if (this.#ending && this.#inflight === 0 && !this.#closed) {
      this.#closed = true;
      this.#stream.end();
    }
  }

  #destroy(code: 'INVALID_ARGUMENT' | 'RESOURCE_EXHAUSTED', message: string): void {
    this.#abandon();
    this.#stream.destroy({ code, message });
  }

  #abandon(): void {
    this.#closed = true;
    this.#queue = [];
    this.#replies = [];
  }
}

function failure({ id }: Item, error: KvError): Reply {
  return { id, response: NO_BYTES, status: grpcStatusOf(error.code), message: error.message };
}

/** How far a message that begins with reply `from` can go. */
function messageEnd(replies: readonly Reply[], from: number): number {
  let bytes = 0;
  const end = Math.min(replies.length, from + limits.batchStreamItemsMax);
  for (let i = from; i < end; i++) {
    bytes += replies[i]!.response.length + REPLY_OVERHEAD_BYTES;
    if (i > from && bytes > limits.batchStreamMessageBytesMax) return i;
  }
  return end;
}
