import { copyBytes } from '../bytes.js';
import type {
  CallOptions,
  Clock,
  Net,
  NetError,
  NetServer,
  NetStream,
  PeerInfo,
  ServiceTable,
  StreamEvents,
} from '../env.js';
import { errorMessage, KvError } from '../errors.js';

const CLIENT: PeerInfo = { address: 'memory:client' };

/**
 * A network inside one process: what is sent arrives whole, in order and one turn later (`clock.defer`).
 * An address that is cut refuses calls and drops its streams until it is healed.
 */
export class MemoryNetwork implements Net {
  readonly #clock: Clock;
  readonly #servers = new Map<string, ServiceTable>();
  readonly #cut = new Set<string>();
  readonly #streams = new Map<string, Set<MemoryStream>>();
  #nextPort = 30_000;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  cut(address: string): void {
    this.#cut.add(address);
    this.#dropStreams(address);
  }

  heal(address: string): void {
    this.#cut.delete(address);
  }

  async serve(address: string, services: ServiceTable): Promise<NetServer> {
    const bound = address.endsWith(':0') ? `${address.slice(0, -1)}${this.#nextPort++}` : address;
    if (this.#servers.has(bound)) throw new KvError('FAILED_PRECONDITION', `${bound} is in use`);
    this.#servers.set(bound, services);
    return {
      address: bound,
      close: async (): Promise<void> => {
        this.#servers.delete(bound);
        this.#dropStreams(bound);
      },
    };
  }

  call(
    address: string,
    method: string,
    request: Uint8Array,
    options: CallOptions,
  ): Promise<Uint8Array> {
    const bytes = copyBytes(request);
    return new Promise((resolve, reject) => {
      const late = this.#clock.after(options.timeoutMs, () =>
        reject(new KvError('DEADLINE_EXCEEDED', `${method} took over ${options.timeoutMs} ms`)),
      );
      const finish = (settle: () => void): void =>
        this.#clock.defer(() => {
          late.cancel();
          if (this.#reachable(address)) settle();
          else reject(unavailable(address));
        });
      this.#clock.defer(() => {
        this.#handle(address, method, bytes).then(
          (response) => finish(() => resolve(copyBytes(response))),
          (error: unknown) => finish(() => reject(asKvError(error))),
        );
      });
    });
  }

  open(address: string, method: string, events: StreamEvents): NetStream {
    const client = new MemoryStream(this.#clock, false);
    const server = new MemoryStream(this.#clock, true);
    client.connect(server);
    server.connect(client);
    client.receive(events);
    const handler = this.#servers.get(address)?.stream.get(method);
    if (handler === undefined || this.#cut.has(address)) {
      client.fail(
        handler === undefined && this.#servers.has(address)
          ? { code: 'UNIMPLEMENTED', message: method }
          : { code: 'UNAVAILABLE', message: `cannot reach ${address}` },
      );
      return client;
    }
    const open = this.#streams.get(address) ?? new Set();
    this.#streams.set(address, open.add(client));
    this.#clock.defer(() => server.receive(handler(server, CLIENT)));
    return client;
  }

  #reachable(address: string): boolean {
    return this.#servers.has(address) && !this.#cut.has(address);
  }

  async #handle(address: string, method: string, request: Uint8Array): Promise<Uint8Array> {
    if (!this.#reachable(address)) throw unavailable(address);
    const handler = this.#servers.get(address)?.unary.get(method);
    if (handler === undefined) throw new KvError('UNIMPLEMENTED', method);
    return handler(request, CLIENT);
  }

  #dropStreams(address: string): void {
    for (const stream of this.#streams.get(address) ?? []) {
      stream.destroy({ code: 'UNAVAILABLE', message: `connection to ${address} lost` });
    }
    this.#streams.delete(address);
  }
}

function unavailable(address: string): KvError {
  return new KvError('UNAVAILABLE', `cannot reach ${address}`);
}

function asKvError(error: unknown): KvError {
  if (error instanceof KvError) return error;
  return new KvError('INTERNAL', errorMessage(error), { cause: error });
}

type Delivery =
  | { readonly type: 'message'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'error'; readonly error: NetError };

/**
 * One end of a stream, with the rules of gRPC: the stream is over for both when the server ends it or
 * either destroys it; when the client ends, the server is told (`onClose`) and may still send, then end.
 */
class MemoryStream implements NetStream {
  readonly #clock: Clock;
  readonly #isServer: boolean;
  #other: MemoryStream | undefined;
  #events: StreamEvents | undefined;
  readonly #inbox: Delivery[] = [];
  #ended = false;
  #closeReported = false;
  #scheduled = false;

  constructor(clock: Clock, isServer: boolean) {
    this.#clock = clock;
    this.#isServer = isServer;
  }

  readonly bufferedBytes: number = 0;

  connect(other: MemoryStream): void {
    this.#other = other;
  }

  receive(events: StreamEvents): void {
    this.#events = events;
    this.#schedule();
  }

  send(message: Uint8Array): boolean {
    if (!this.#ended) this.#other?.push({ type: 'message', bytes: copyBytes(message) });
    return true;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#other?.push({ type: 'end' });
    if (this.#isServer) this.push({ type: 'end' });
  }

  destroy(error?: NetError): void {
    const reason: NetError = error ?? { code: 'CANCELLED', message: 'stream destroyed' };
    if (!this.#ended) this.#other?.push({ type: 'error', error: reason });
    this.fail(reason);
  }

  /** Reports the end on this side alone. */
  fail(error: NetError): void {
    this.#ended = true;
    this.push({ type: 'error', error });
  }

  push(delivery: Delivery): void {
    this.#inbox.push(delivery);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.defer(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#events !== undefined && !this.#closeReported) {
      const next = this.#inbox.shift();
      if (next === undefined) return;
      if (next.type === 'message') {
        this.#events.onMessage(next.bytes);
        continue;
      }
      this.#closeReported = true;
      if (next.type === 'error' || !this.#isServer) this.#ended = true;
      this.#events.onClose(next.type === 'error' ? next.error : undefined);
    }
  }
}
