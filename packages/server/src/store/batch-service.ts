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
import { batchMethod, grpcStatusOf, tinykvstream } from '@tinykv/proto';
import { BatchReplies, type Reply } from './batch-replies.js';
import { busyAnswer, isLongMethod, type RequestLoad } from './request-load.js';

type Item = tinykvstream.BatchRequestItem;

/** One message of a client. Its bytes are held until the last of its requests has an answer. */
interface Arrival {
  readonly bytes: number;
  /** Those that were admitted. */
  readonly items: readonly Item[];
  /** The first item that is not begun and waits for no slot. */
  next: number;
  /** Items without an answer. */
  left: number;
}

const NO_BYTES = new Uint8Array(0);
/** Requests that one turn answers by itself; those that have to wait for something do not count. */
const ANSWERS_PER_TURN = 64;
/** `tinykvstream.Batch`: the unary methods of a store, many requests to one message. */
export function batchService(
  env: Env,
  unary: ReadonlyMap<string, UnaryHandler>,
  load: RequestLoad,
): ServiceTable {
  const { path } = tinykvstream.Batch.commands;
  return {
    unary: new Map(),
    stream: new Map([[path, (stream, peer) => new BatchSession(env, unary, load, stream, peer)]]),
  };
}

/**
 * One client's stream. Requests run side by side and are answered in the order in which they end, the
 * answers of one turn in one message. A turn gives so many answers itself and leaves the other requests to the
 * next: the client works on these while the store works on those, instead of each waiting for the other. A
 * request counts as in flight until its answer is handed to the transport, so a client that does not read its
 * answers is soon refused. Only a few requests that read many keys run at once, and none is begun while answers
 * wait for the client. Once the stream is gone, nothing more is begun and what runs is told so.
 *
 * Invariant: `requestBytes` is what this session has reserved in the store's load.
 */
class BatchSession implements StreamEvents {
  readonly #env: Env;
  readonly #unary: ReadonlyMap<string, UnaryHandler>;
  readonly #load: RequestLoad;
  readonly #stream: NetStream;
  readonly #peer: PeerInfo;
  readonly #replies: BatchReplies;
  #inflight = 0;
  /** Messages with items that are admitted and not begun. */
  #queue: Arrival[] = [];
  /** Long requests that wait for others of this stream to end. */
  #waitingLong: { readonly item: Item; readonly arrival: Arrival }[] = [];
  #runningLong = 0;
  #requestBytes = 0;
  #turnScheduled = false;
  /** The client sends no more and waits for the rest of its answers. */
  #ending = false;
  #closed = false;

  constructor(
    env: Env,
    unary: ReadonlyMap<string, UnaryHandler>,
    load: RequestLoad,
    stream: NetStream,
    { address }: PeerInfo,
  ) {
    this.#env = env;
    this.#unary = unary;
    this.#load = load;
    this.#stream = stream;
    this.#replies = new BatchReplies(env.clock, stream, load.replies, () =>
      this.#destroy('RESOURCE_EXHAUSTED', 'answers are not read'),
    );
    const isGone = (): boolean => this.#closed;
    this.#peer = {
      address,
      get isGone() {
        return isGone();
      },
    };
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
    this.#admitAll(items, message.length);
    if (!this.#turnScheduled) this.#turn();
  }

  onClose(error?: NetError): void {
    if (this.#closed) return;
    if (error !== undefined) {
      this.#abandon();
      return;
    }
    this.#ending = true;
    // The rest is bounded by `batchStreamReplyBytesMax`, and the transport takes it even when it is full.
    this.#flush();
  }

  onDrain(): void {
    this.#replies.onDrain();
    this.#flush();
  }

  #admitAll(items: readonly Item[], bytes: number): void {
    const { requests } = this.#load;
    const hasRoom =
      this.#requestBytes + bytes <= limits.batchStreamRequestBytesMax && requests.hasRoom(bytes);
    const admitted = items.filter((item) => this.#admit(item, hasRoom));
    if (this.#closed || admitted.length === 0) return;
    this.#queue.push({ bytes, items: admitted, next: 0, left: admitted.length });
    this.#requestBytes += bytes;
    requests.reserve(bytes);
  }

  #admit(item: Item, hasRoom: boolean): boolean {
    if (this.#closed) return false;
    if (this.#inflight >= 2 * limits.batchStreamInflightMax) {
      // It has been refused this often and still has not read one refusal.
      this.#destroy('RESOURCE_EXHAUSTED', 'answers are not read');
      return false;
    }
    this.#inflight += 1;
    if (this.#inflight > limits.batchStreamInflightMax) {
      const text = `more than ${limits.batchStreamInflightMax} requests in flight`;
      this.#reply(failure(item, new KvError('RESOURCE_EXHAUSTED', text)));
      return false;
    }
    if (!hasRoom) this.#reply(busy(item));
    return hasRoom;
  }

  #turn(): void {
    this.#turnScheduled = false;
    let left = this.#beginWaiting(ANSWERS_PER_TURN);
    let at = 0;
    while (left > 0 && at < this.#queue.length && !this.#replies.isFull) {
      const arrival = this.#queue[at]!;
      const item = arrival.items[arrival.next++]!;
      if (arrival.next === arrival.items.length) at += 1;
      if (isLong(item) && this.#runningLong >= limits.batchStreamLongMax) {
        this.#waitingLong.push({ item, arrival });
      } else if (this.#run(item, arrival)) {
        left -= 1;
      }
    }
    if (at > 0) this.#queue = this.#queue.slice(at);
    this.#flush();
  }

  /** How many of so many answers are left to give after those that long requests got at once. */
  #beginWaiting(most: number): number {
    let left = most;
    let begun = 0;
    while (left > 0 && begun < this.#waitingLong.length && this.#mayBeginLong) {
      const { item, arrival } = this.#waitingLong[begun++]!;
      if (this.#run(item, arrival)) left -= 1;
    }
    if (begun > 0) this.#waitingLong = this.#waitingLong.slice(begun);
    return left;
  }

  get #mayBeginLong(): boolean {
    return this.#runningLong < limits.batchStreamLongMax && !this.#replies.isFull;
  }

  #turnLater(): void {
    if (this.#turnScheduled || this.#closed) return;
    this.#turnScheduled = true;
    this.#env.clock.defer(() => this.#turn());
  }

  /** True when it is answered already. */
  #run(item: Item, arrival: Arrival): boolean {
    const method = batchMethod(item.method);
    const handler = method && this.#unary.get(method.path);
    if (handler === undefined) {
      const text = `method ${item.method} is not served`;
      this.#answer(arrival, failure(item, new KvError('UNIMPLEMENTED', text)));
      return true;
    }
    const isLong = isLongMethod(method!.path);
    if (isLong && !this.#load.beginLong()) {
      this.#answer(arrival, busy(item));
      return true;
    }
    if (isLong) this.#runningLong += 1;
    let response: Awaitable<Uint8Array>;
    try {
      response = handler(item.request, this.#peer);
    } catch (error) {
      this.#settle(arrival, isLong, this.#failed(item, error));
      return true;
    }
    if (!(response instanceof Promise)) {
      this.#settle(arrival, isLong, { id: item.id, response });
      return true;
    }
    const done = (reply: Reply): void => {
      this.#settle(arrival, isLong, reply);
      this.#turnLater();
    };
    response.then(
      (bytes) => done({ id: item.id, response: bytes }),
      (error: unknown) => done(this.#failed(item, error)),
    );
    return false;
  }

  #failed(item: Item, error: unknown): Reply {
    if (error instanceof KvError) return failure(item, error);
    const method = batchMethod(item.method)?.name;
    this.#env.logger.error('request failed', { method, error: errorMessage(error) });
    return failure(item, new KvError('INTERNAL', errorMessage(error)));
  }

  #settle(arrival: Arrival, isLong: boolean, reply: Reply): void {
    if (isLong) {
      this.#runningLong -= 1;
      this.#load.endLong();
    }
    this.#answer(arrival, reply);
  }

  #answer(arrival: Arrival, reply: Reply): void {
    this.#letGo(arrival, 1);
    if (!this.#closed) this.#replies.push(reply);
  }

  /** So many of its requests are answered, or dropped. */
  #letGo(arrival: Arrival, count: number): void {
    arrival.left -= count;
    if (arrival.left > 0) return;
    this.#requestBytes -= arrival.bytes;
    this.#load.requests.release(arrival.bytes);
  }

  #reply(reply: Reply): void {
    if (!this.#closed) this.#replies.push(reply);
    this.#turnLater();
  }

  #flush(): void {
    if (this.#closed) return;
    this.#inflight -= this.#replies.flush(this.#ending);
    if (this.#ending && this.#inflight === 0) {
      this.#abandon();
      this.#stream.end();
    }
    const isWaiting =
      this.#queue.length > 0 || (this.#waitingLong.length > 0 && this.#mayBeginLong);
    if (isWaiting && !this.#replies.isFull) this.#turnLater();
  }

  #destroy(code: 'INVALID_ARGUMENT' | 'RESOURCE_EXHAUSTED', message: string): void {
    if (this.#closed) return;
    this.#abandon();
    this.#stream.destroy({ code, message });
  }

  /** A running request goes on, unless it asks whether its caller is gone; all else is let go. */
  #abandon(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const arrival of this.#queue) this.#letGo(arrival, arrival.items.length - arrival.next);
    for (const { arrival } of this.#waitingLong) this.#letGo(arrival, 1);
    this.#replies.drop();
    this.#queue = [];
    this.#waitingLong = [];
  }
}

function isLong({ method }: Item): boolean {
  const path = batchMethod(method)?.path;
  return path !== undefined && isLongMethod(path);
}

function failure({ id }: Item, error: KvError): Reply {
  return { id, response: NO_BYTES, status: grpcStatusOf(error.code), message: error.message };
}

function busy(item: Item): Reply {
  try {
    return { id: item.id, response: busyAnswer(batchMethod(item.method)?.path ?? '') };
  } catch (error) {
    if (error instanceof KvError) return failure(item, error);
    throw error;
  }
}
