import { isIPv4, isIPv6 } from 'node:net';
import {
  Client,
  type ClientDuplexStream,
  type ClientUnaryCall,
  connectivityState,
  credentials,
  Metadata,
} from '@grpc/grpc-js';
import {
  type CallOptions,
  KvError,
  type Logger,
  type Net,
  type NetError,
  type NetServer,
  type NetStream,
  type ServiceTable,
  type StreamEvents,
} from '@tinykv/base';
import { parseAddress } from './address.js';
import { identity } from './grpc-bytes.js';
import { ClientStream } from './grpc-client-stream.js';
import { clientOptions } from './grpc-options.js';
import { GrpcServer } from './grpc-server.js';
import { fromServiceError, handlerError, logUnexpected } from './grpc-status.js';
import { type ConnectionLimits, HeldAddress } from './held-address.js';
import { GuardedEvents } from './stream-guard.js';

/** A stream whose connection is not there by then fails: streams have no deadline of their own. */
const CONNECT_TIMEOUT_MS = 5_000;

const CLOSED = 'the network is closed';

/** An address that is held until its services are made. Closing the network lets go of it. */
export interface Held {
  /** host:port as bound. */
  readonly address: string;
  /** Called once. */
  serve(services: ServiceTable): NetServer;
}

/** A network whose addresses can be held. */
export interface RealNet extends Net {
  /** Rejects with UNAVAILABLE where the address cannot be had. */
  hold(address: string): Promise<Held>;
}

/** {@link Net} on gRPC, with one connection per address that all calls and streams share. */
export class GrpcNet implements RealNet {
  readonly #logger: Logger;
  readonly #clients = new Map<string, Client>();
  readonly #calls = new Set<ClientUnaryCall>();
  readonly #streams = new Set<ClientStream>();
  readonly #servers = new Set<GrpcServer>();
  readonly #unserved = new Set<HeldAddress>();
  #closed = false;

  readonly #connections: ConnectionLimits | undefined;

  constructor(logger: Logger, connections?: ConnectionLimits) {
    this.#logger = logger;
    this.#connections = connections;
  }

  call(
    address: string,
    method: string,
    request: Uint8Array,
    options: CallOptions,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const call = this.#client(address).makeUnaryRequest(
        method,
        identity,
        identity,
        Buffer.from(request),
        new Metadata(),
        { deadline: Date.now() + options.timeoutMs },
        (error, response) => {
          this.#calls.delete(call);
          if (error === null) resolve(response!);
          else if (this.#closed) reject(new KvError('UNAVAILABLE', CLOSED));
          else reject(fromServiceError(error, `${method} at ${address}`));
        },
      );
      this.#calls.add(call);
    });
  }

  open(address: string, method: string, events: StreamEvents): NetStream {
    let client: Client;
    let call: ClientDuplexStream<Buffer, Buffer>;
    try {
      client = this.#client(address);
      call = client.makeBidiStreamRequest(method, identity, identity, new Metadata());
    } catch (error) {
      // Addresses are written by others. A stream tells of its failure as of any other end.
      return failedStream(events, handlerError(error));
    }
    const what = `${method} at ${address}`;
    const timeout = setTimeout(() => {
      const state = client.getChannel().getConnectivityState(false);
      if (state === connectivityState.READY) return;
      stream.destroy({ code: 'UNAVAILABLE', message: `${what}: cannot connect` });
    }, CONNECT_TIMEOUT_MS);
    const guarded = new GuardedEvents(events, (error) => {
      logUnexpected(this.#logger, method, error);
      stream.destroy(handlerError(error));
    });
    const stream = new ClientStream(call, what, guarded, () => {
      clearTimeout(timeout);
      this.#streams.delete(stream);
    });
    this.#streams.add(stream);
    return stream;
  }

  async serve(address: string, services: ServiceTable): Promise<NetServer> {
    return (await this.hold(address)).serve(services);
  }

  /** Takes an address before there is anything to serve; another process can no longer have it. */
  async hold(address: string): Promise<Held> {
    this.#checkOpen();
    const held = await HeldAddress.bind(address, this.#logger, this.#connections);
    this.#unserved.add(held);
    return {
      address: held.address,
      serve: (services) => {
        this.#checkOpen();
        const server = new GrpcServer(held, services, this.#logger);
        this.#unserved.delete(held);
        this.#servers.add(server);
        return server;
      },
    };
  }

  /** Drops all calls, streams and servers; they end with UNAVAILABLE. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const call of this.#calls) call.cancel();
    for (const stream of this.#streams) stream.destroy({ code: 'UNAVAILABLE', message: CLOSED });
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
    for (const server of this.#servers) await server.close(0);
    this.#servers.clear();
    for (const held of this.#unserved) await held.close();
    this.#unserved.clear();
  }

  #client(address: string): Client {
    this.#checkOpen();
    let client = this.#clients.get(address);
    if (client === undefined) {
      client = new Client(target(address), credentials.createInsecure(), clientOptions);
      this.#clients.set(address, client);
    }
    return client;
  }

  #checkOpen(): void {
    if (this.#closed) throw new KvError('UNAVAILABLE', CLOSED);
  }
}

/** Names the resolver, so that an IP address never meets DNS. */
function target(address: string): string {
  const { host } = parseAddress(address);
  if (isIPv4(host)) return `ipv4:${address}`;
  if (isIPv6(host)) return `ipv6:${address}`;
  return `dns:${address}`;
}

/** A stream that has failed already. */
function failedStream(events: StreamEvents, error: NetError): NetStream {
  setImmediate(() => events.onClose({ code: error.code, message: error.message }));
  return { bufferedBytes: 0, send: () => true, end: () => {}, destroy: () => {} };
}
