import { isIPv4, isIPv6 } from 'node:net';
import { Client, connectivityState, credentials, Metadata } from '@grpc/grpc-js';
import {
  type CallOptions,
  KvError,
  type Logger,
  type Net,
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
import { fromServiceError } from './grpc-status.js';

/** A stream whose connection is not there by then fails: streams have no deadline of their own. */
const CONNECT_TIMEOUT_MS = 5_000;

/** {@link Net} on gRPC, with one connection per address that all calls and streams share. */
export class GrpcNet implements Net {
  readonly #logger: Logger;
  readonly #clients = new Map<string, Client>();
  readonly #servers = new Set<GrpcServer>();
  #closed = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  call(
    address: string,
    method: string,
    request: Uint8Array,
    options: CallOptions,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#client(address).makeUnaryRequest(
        method,
        identity,
        identity,
        Buffer.from(request),
        new Metadata(),
        { deadline: Date.now() + options.timeoutMs },
        (error, response) => {
          if (error === null) resolve(response!);
          else reject(fromServiceError(error, `${method} at ${address}`));
        },
      );
    });
  }

  open(address: string, method: string, events: StreamEvents): NetStream {
    if (this.#closed) return closedStream(events);
    const client = this.#client(address);
    const call = client.makeBidiStreamRequest(method, identity, identity, new Metadata());
    const what = `${method} at ${address}`;
    const stream = new ClientStream(call, what, events);
    const timeout = setTimeout(() => {
      const state = client.getChannel().getConnectivityState(false);
      if (state === connectivityState.READY) return;
      stream.destroy({ code: 'UNAVAILABLE', message: `${what}: cannot connect` });
    }, CONNECT_TIMEOUT_MS);
    timeout.unref();
    call.once('close', () => clearTimeout(timeout));
    return stream;
  }

  async serve(address: string, services: ServiceTable): Promise<NetServer> {
    this.#checkOpen();
    const server = await GrpcServer.listen(address, services, this.#logger);
    this.#servers.add(server);
    return server;
  }

  /** Drops all connections and servers. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
    for (const server of this.#servers) await server.close(0);
    this.#servers.clear();
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
    if (this.#closed) throw new KvError('UNAVAILABLE', 'the network is closed');
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
function closedStream(events: StreamEvents): NetStream {
  setImmediate(() => events.onClose({ code: 'UNAVAILABLE', message: 'the network is closed' }));
  return { bufferedBytes: 0, send: () => true, end: () => {}, destroy: () => {} };
}
