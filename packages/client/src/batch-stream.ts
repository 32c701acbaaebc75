import {
  assert,
  type Env,
  type Histogram,
  type KvErrorCode,
  limits,
  type NetError,
  type NetStream,
} from '@tinykv/base';
import {
  batchNumber,
  type Init,
  kvErrorCodeOf,
  type Method,
  tinykvpb,
  tinykvstream,
  type UnaryMethod,
} from '@tinykv/proto';
import { RequestError } from './errors.js';
import { Inflight } from './inflight.js';
import type { WorkScope } from './lifetime.js';

interface Pending {
  /** Given when it is sent. */
  id: number;
  /** The number under which it travels. */
  readonly method: number;
  readonly called: UnaryMethod<object, object>;
  readonly request: Uint8Array;
  /** Monotonic milliseconds. */
  readonly deadline: number;
  readonly scope: WorkScope | undefined;
  readonly resolve: (response: object) => void;
  readonly reject: (error: RequestError) => void;
  sentAt: number;
}

/** One life of the stream. Invariant: requests are sent only once it is `greeted`. */
interface Session {
  stream: NetStream | undefined;
  greeted: boolean;
  /** The transport asked to wait for `onDrain`. */
  blocked: boolean;
  lastReceivedAt: number;
}

/** The greeting's id, which no request has. */
const GREETING_ID = 0;
/** How late a deadline may be noticed. */
const SWEEP_MS = 50;

/**
 * All requests to one store, on one stream (`tinykvstream.Batch/Commands`): those of a turn travel in one
 * message, answers come in any order.
 *
 * A new stream is greeted first, with a read of no Region that any store answers: only what is sent on a
 * stream that has answered can have an unknown outcome, so a store that is down never makes one.
 */
export class BatchStream {
  readonly address: string;
  readonly #env: Env;
  #session: Session | undefined;
  #closed = false;
  #flushScheduled = false;
  #sweeping = false;
  #waiting: Pending[] = [];
  readonly #inflight = new Inflight<Pending>(limits.batchStreamInflightMax);
  readonly #seconds = new Map<string, Histogram>();

  constructor(env: Env, address: string) {
    this.#env = env;
    this.address = address;
  }

  /** Rejects with {@link RequestError}, whose `outcome` says what may have happened. `scope`: what it belongs to. */
  call<Q, S>(
    method: UnaryMethod<Q, S>,
    request: Init<Q>,
    timeoutMs: number,
    scope?: WorkScope,
  ): Promise<S> {
    return new Promise((resolve, reject) => {
      const called = method as UnaryMethod<object, object>;
      const number = batchNumber(called);
      assert(number !== undefined, () => `${method.path} cannot be batched`);
      const bytes = method.request.encode(request);
      const problem = this.#refusal(bytes);
      if (problem !== undefined) throw problem;
      this.#waiting.push({
        id: GREETING_ID,
        method: number,
        called,
        request: bytes,
        deadline: this.#env.clock.mono() + timeoutMs,
        scope,
        resolve: resolve as (response: object) => void,
        reject,
        sentAt: 0,
      });
      this.#scheduleFlush();
      this.#scheduleSweep();
    });
  }

  /** Fails what waits or is in flight of a part of the client's work that has ended. */
  endScope(scope: WorkScope): void {
    const ended = this.#waiting.filter((pending) => pending.scope === scope);
    this.#waiting = this.#waiting.filter((pending) => pending.scope !== scope);
    for (const pending of ended) pending.reject(this.#failure(CLOSED, 'not-sent'));
    const sent = this.#inflight.abandonWhere((pending) => pending.scope === scope);
    for (const pending of sent) pending.reject(this.#failure(CLOSED, 'unknown'));
  }

  /** Fails what is waiting or in flight; later calls are refused. */
  close(): void {
    this.#closed = true;
    const session = this.#session;
    this.#session = undefined;
    session?.stream?.destroy();
    this.#failWaiting(CLOSED);
    this.#failInflight(CLOSED);
  }

  #refusal(request: Uint8Array): RequestError | undefined {
    if (this.#closed) return new RequestError('CANCELLED', 'the client is closed', 'refused');
    if (request.length > limits.grpcMessageBytesMax - FRAME_OVERHEAD_BYTES) {
      const text = `a request of ${request.length} bytes is too large`;
      return new RequestError('INVALID_ARGUMENT', text, 'refused');
    }
    if (this.#waiting.length >= limits.clientQueuedRequestsMax) {
      const text = `${this.#waiting.length} requests wait for ${this.address}`;
      return new RequestError('RESOURCE_EXHAUSTED', text, 'not-sent');
    }
    return undefined;
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#env.clock.defer(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#waiting.length === 0 || this.#closed) return;
    const session = this.#session ?? this.#connect();
    while (session.greeted && !session.blocked && this.#waiting.length > 0) {
      const count = this.#nextBatchLength();
      if (count === 0) return;
      const batch = this.#waiting.splice(0, count);
      const sentAt = this.#env.clock.mono();
      for (const pending of batch) {
        pending.sentAt = sentAt;
        pending.id = this.#inflight.add(pending);
      }
      this.#send(session, { items: batch });
    }
  }

  /** How many of the waiting fit the next message and the limit of requests in flight. */
  #nextBatchLength(): number {
    const room = limits.batchStreamInflightMax - this.#inflight.size;
    const most = Math.min(room, limits.batchStreamItemsMax, this.#waiting.length);
    let bytes = 0;
    for (let i = 0; i < most; i++) {
      bytes += this.#waiting[i]!.request.length;
      if (i > 0 && bytes > limits.batchStreamMessageBytesMax) return i;
    }
    return most;
  }

  #connect(): Session {
    const now = this.#env.clock.mono();
    const session: Session = {
      stream: undefined,
      greeted: false,
      blocked: false,
      lastReceivedAt: now,
    };
    this.#session = session;
    session.stream = this.#env.net.open(this.address, tinykvstream.Batch.commands.path, {
      onMessage: (message) => this.#onMessage(session, message),
      onClose: (error) => this.#onClose(session, error),
      onDrain: () => {
        session.blocked = false;
        if (this.#session === session) this.#flush();
      },
    });
    const { rawGet } = tinykvpb.TinyKv;
    const method = batchNumber(rawGet as UnaryMethod<object, object>)!;
    const request = rawGet.request.encode({});
    this.#send(session, { items: [{ id: GREETING_ID, method, request }] });
    return session;
  }

  #send(session: Session, batch: Init<tinykvstream.BatchRequest>): void {
    assert(session.stream !== undefined, 'a session without a stream');
    session.blocked = !session.stream.send(tinykvstream.BatchRequest.encode(batch));
  }

  #onMessage(session: Session, message: Uint8Array): void {
    if (this.#session !== session) return;
    let response: tinykvstream.BatchResponse;
    try {
      response = tinykvstream.BatchResponse.decode(message);
    } catch (error) {
      this.#drop(session, { code: 'DATA_LOSS', message: `malformed batch: ${String(error)}` });
      return;
    }
    session.greeted = true;
    session.lastReceivedAt = this.#env.clock.mono();
    for (const item of response.items) {
      const pending = this.#inflight.take(item.id);
      // Late answers to requests that have timed out, and the answer to the greeting.
      if (pending === undefined) continue;
      if (item.status === 0) this.#resolve(session, pending, item.response);
      else pending.reject(statusError(item, this.address));
    }
    this.#flush();
  }

  #resolve(session: Session, pending: Pending, response: Uint8Array): void {
    const { called, resolve, reject } = pending;
    this.#secondsOf(called).observe((session.lastReceivedAt - pending.sentAt) / 1000);
    try {
      resolve(called.response.decode(response));
    } catch (error) {
      const text = `malformed answer to ${called.name} from ${this.address}`;
      reject(new RequestError('DATA_LOSS', text, 'unknown', { cause: error }));
    }
  }

  #secondsOf({ name }: Method<object, object>): Histogram {
    let seconds = this.#seconds.get(name);
    if (seconds === undefined) {
      const help = 'Time from the sending of a request to its answer';
      seconds = this.#env.metrics.histogram('tinykv_client_request_seconds', help, {
        method: name,
      });
      this.#seconds.set(name, seconds);
    }
    return seconds;
  }

  #onClose(session: Session, error: NetError | undefined): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    const reason = error ?? { code: 'UNAVAILABLE', message: 'the store ended the stream' };
    this.#failInflight(reason);
    if (!session.greeted) this.#failWaiting(reason);
    else if (this.#waiting.length > 0) this.#scheduleFlush();
  }

  #drop(session: Session, reason: NetError): void {
    session.stream?.destroy(reason);
    this.#onClose(session, reason);
  }

  #failWaiting(reason: NetError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const pending of waiting) pending.reject(this.#failure(reason, 'not-sent'));
  }

  #failInflight(reason: NetError): void {
    for (const pending of this.#inflight.clear()) pending.reject(this.#failure(reason, 'unknown'));
  }

  #failure({ code, message }: NetError, outcome: 'not-sent' | 'unknown'): RequestError {
    return new RequestError(code, `${this.address}: ${message}`, outcome);
  }

  #scheduleSweep(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#env.clock.after(SWEEP_MS, () => {
      this.#sweeping = false;
      this.#sweep();
      if (this.#waiting.length > 0 || this.#inflight.awaited > 0) this.#scheduleSweep();
    });
  }

  /** Fails what is past its deadline, and gives up a stream that has been silent since. */
  #sweep(): void {
    const now = this.#env.clock.mono();
    const reason: NetError = { code: 'DEADLINE_EXCEEDED', message: 'no answer in time' };
    const session = this.#session;
    let isSilent = false;
    const late = this.#waiting.filter((pending) => pending.deadline <= now);
    if (late.length > 0) {
      this.#waiting = this.#waiting.filter((pending) => pending.deadline > now);
      isSilent = session?.greeted === false;
      for (const pending of late) pending.reject(this.#failure(reason, 'not-sent'));
    }
    for (const pending of this.#inflight.abandonWhere(({ deadline }) => deadline <= now)) {
      if (session !== undefined && session.lastReceivedAt <= pending.sentAt) isSilent = true;
      pending.reject(this.#failure(reason, 'unknown'));
    }
    if (isSilent && session !== undefined) this.#drop(session, reason);
  }
}

const CLOSED: NetError = { code: 'CANCELLED', message: 'the client is closed' };

/** Room for the fields around one request in a message. */
const FRAME_OVERHEAD_BYTES = 64;

/** Codes with which a handler turns a request down before it does anything. */
const REFUSALS: ReadonlySet<KvErrorCode> = new Set([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'UNIMPLEMENTED',
]);

function statusError(item: tinykvstream.BatchResponseItem, address: string): RequestError {
  const code = kvErrorCodeOf(item.status);
  const outcome = REFUSALS.has(code) ? 'refused' : 'unknown';
  return new RequestError(code, `${address}: ${item.message}`, outcome);
}
