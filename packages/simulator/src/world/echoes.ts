import {
  copyBytes,
  InvariantError,
  type NetError,
  type NetStream,
  type StreamEvents,
} from '@tinykv/base';
import {
  batchMethod,
  type Method,
  schedulerpb,
  tinykvpb,
  tinykvstream,
  tinykvtxn,
} from '@tinykv/proto';
import { hostOf, type Network } from './network.js';
import type { SimProcess } from './sim-proc.js';

/** How much later than the request itself its copy may come. */
const LATE_MS_MAX = 2_000;
/** Share of the calls whose answer is lost that arrive once more. */
const LOST_RATE = 0.5;

const kv = tinykvpb.TinyKv;
const txn = tinykvtxn.Txn;
const scheduler = schedulerpb.Scheduler;

/**
 * Calls that may come twice and late by contract: whoever sends one cannot know whether an earlier try of it is
 * still on its way. Writes of the raw API are not among them: a late put brings an old value back.
 */
const repeatable: ReadonlySet<string> = new Set(
  [
    kv.kvPrewrite,
    kv.kvCommit,
    kv.kvBatchRollback,
    kv.kvResolveLock,
    kv.kvCheckTxnStatus,
    txn.kvTxnHeartBeat,
    txn.kvCheckSecondaryLocks,
    txn.kvPessimisticLock,
    txn.kvPessimisticRollback,
    scheduler.isBootstrapped,
    scheduler.bootstrap,
    scheduler.allocID,
    scheduler.storeHeartbeat,
    scheduler.askSplit,
    scheduler.updateGCSafePoint,
  ].map(({ path }: Method<object, object>) => path),
);

/**
 * A write that its store commits by itself: that it did not happen is final for its client, unless an earlier try of it is
 * still on its way, which the client knows then. A copy behind its back may find the key free later; one of a write
 * whose answer is lost may not.
 */
function isFinal(path: string, request: Uint8Array): boolean {
  if (path === txn.kvOneKeyWrite.path) return true;
  if (path !== kv.kvPrewrite.path) return false;
  const { tryOnePc, useAsyncCommit } = kv.kvPrewrite.request.decode(request);
  return tryOnePc || useAsyncCommit;
}

/** Sends copies of calls that come later than the calls themselves, and whose answers nobody waits for. */
export class Echoes {
  readonly #network: Network;
  readonly #proc: SimProcess;
  readonly #host: string;

  constructor(network: Network, proc: SimProcess, host: string) {
    this.#network = network;
    this.#proc = proc;
    this.#host = host;
  }

  get #echoes(): boolean {
    return (this.#network.traits.echoRate ?? 0) > 0;
  }

  /** A call has been sent: now and then it is sent once more, later. */
  ofCall(address: string, path: string, request: Uint8Array): void {
    const network = this.#network;
    if (!this.#echoes || !repeatable.has(path) || isFinal(path, request)) return;
    if (network.draw(network.traits.echoRate ?? 0)) this.#send(address, path, copyBytes(request));
  }

  /** The client of a call has lost the connection before the answer: now and then the call arrives after that. */
  #ofLost(address: string, path: string, request: Uint8Array): void {
    const network = this.#network;
    if ((network.traits.echoRate ?? 0) === 0 || !network.draw(LOST_RATE)) return;
    this.#send(address, path, request);
  }

  #send(address: string, path: string, bytes: Uint8Array): void {
    const network = this.#network;
    network.counts.echoed++;
    // Most come soon, while the transaction is not over.
    const ms = LATE_MS_MAX * network.rng.float() ** 3;
    this.#proc.world.after(ms, 'echo', () => {
      network.carry(this.#host, hostOf(address), 0, 'echo', () =>
        this.#arrive(address, path, bytes),
      );
    });
  }

  /** The stream of a client to a store, on which many calls share a message: opens it with events that are listened to. */
  openStream(
    address: string,
    events: StreamEvents,
    open: (events: StreamEvents) => NetStream,
  ): NetStream {
    const waiting = new Map<number, { readonly path: string; readonly bytes: Uint8Array }>();
    const stream = open({
      onMessage: (message) => {
        if (waiting.size > 0) {
          for (const { id } of tinykvstream.BatchResponse.decode(message).items) waiting.delete(id);
        }
        events.onMessage(message);
      },
      onClose: (error) => {
        if (error !== undefined) {
          for (const { path, bytes } of waiting.values()) this.#ofLost(address, path, bytes);
        }
        waiting.clear();
        events.onClose(error);
      },
      ...(events.onDrain === undefined ? {} : { onDrain: () => events.onDrain?.() }),
    });
    return new EchoingStream(stream, (message) => {
      // Most of what clients send goes over these streams: it is not decoded where nothing is sent again.
      if (!this.#echoes) return;
      for (const { id, method, request } of tinykvstream.BatchRequest.decode(message).items) {
        const path = batchMethod(method)?.path;
        if (path === undefined) continue;
        this.ofCall(address, path, request);
        if (isFinal(path, request)) waiting.set(id, { path, bytes: copyBytes(request) });
      }
    });
  }

  #arrive(address: string, path: string, bytes: Uint8Array): void {
    const listener = this.#network.listener(address);
    const handler = listener?.services.unary.get(path);
    if (listener === undefined || handler === undefined) return;
    listener.proc.run(() => {
      // Nobody waits for the answer, but the handler must not break.
      Promise.resolve(handler(bytes, { address: `${this.#host}:0` })).catch((error: unknown) => {
        if (error instanceof InvariantError) listener.proc.world.fail(error);
      });
    });
  }
}

class EchoingStream implements NetStream {
  readonly #stream: NetStream;
  readonly #onSend: (message: Uint8Array) => void;

  constructor(stream: NetStream, onSend: (message: Uint8Array) => void) {
    this.#stream = stream;
    this.#onSend = onSend;
  }

  get bufferedBytes(): number {
    return this.#stream.bufferedBytes;
  }

  send(message: Uint8Array): boolean {
    this.#onSend(message);
    return this.#stream.send(message);
  }

  end(): void {
    this.#stream.end();
  }

  destroy(error?: NetError): void {
    this.#stream.destroy(error);
  }
}
