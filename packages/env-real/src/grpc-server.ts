import {
  type ConnectionInjector,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type {
  Logger,
  NetServer,
  PeerInfo,
  ServiceTable,
  StreamEvents,
  StreamHandler,
  UnaryHandler,
} from '@tinykv/base';
import { asBuffer, identity } from './grpc-bytes.js';
import { serverOptions } from './grpc-options.js';
import { ServerStream } from './grpc-server-stream.js';
import { handlerError, logUnexpected, toStatus } from './grpc-status.js';
import type { HeldAddress } from './held-address.js';
import { GuardedEvents } from './stream-guard.js';

/**
 * A gRPC server for a table of handlers on bytes. It owns its sockets, which grpc-js's own listener does
 * not let go of when calls outlast the drain.
 */
export class GrpcServer implements NetServer {
  readonly #held: HeldAddress;
  readonly #injector: ConnectionInjector;
  #closing: Promise<void> | undefined;

  /** Serves an address that is held already. */
  constructor(held: HeldAddress, services: ServiceTable, logger: Logger) {
    const server = new Server(serverOptions);
    for (const [path, handler] of services.unary) {
      server.register(path, serveUnary(path, handler, logger), identity, identity, 'unary');
    }
    // To HTTP/2 a stream is a stream: this serves one-way streaming methods as well.
    for (const [path, handler] of services.stream) {
      server.register(path, serveStream(path, handler, logger), identity, identity, 'bidi');
    }
    this.#held = held;
    this.#injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    held.accept((socket) => this.#injector.injectConnection(socket));
  }

  get address(): string {
    return this.#held.address;
  }

  close(drainMs: number): Promise<void> {
    this.#closing ??= this.#close(drainMs);
    return this.#closing;
  }

  async #close(drainMs: number): Promise<void> {
    // Resolves when the last connection is gone; one ends by itself once its calls have.
    const closed = this.#held.close();
    this.#injector.drain(drainMs);
    const drop = setTimeout(() => this.#held.dropConnections(), drainMs);
    await closed;
    clearTimeout(drop);
    this.#injector.destroy();
  }
}

function serveUnary(path: string, handler: UnaryHandler, logger: Logger) {
  return (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>): void => {
    const succeed = (response: Uint8Array): void => respond(null, asBuffer(response));
    const fail = (error: unknown): void => {
      logUnexpected(logger, path, error);
      respond(toStatus(handlerError(error)));
    };
    try {
      const answer = handler(call.request, peerOf(call));
      if (answer instanceof Promise) answer.then(succeed, fail);
      else succeed(answer);
    } catch (error) {
      fail(error);
    }
  };
}

function serveStream(path: string, handler: StreamHandler, logger: Logger) {
  return (call: ServerDuplexStream<Buffer, Buffer>): void => {
    const stream = new ServerStream(call);
    const fail = (error: unknown): void => {
      logUnexpected(logger, path, error);
      stream.destroy(handlerError(error));
    };
    let events: StreamEvents;
    try {
      events = handler(stream, peerOf(call));
    } catch (error) {
      fail(error);
      return;
    }
    // Tells the client that it is served, before there is anything to say.
    call.sendMetadata(new Metadata());
    stream.attach(new GuardedEvents(events, fail));
  };
}

function peerOf(
  call: ServerUnaryCall<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
): PeerInfo {
  return {
    address: call.getPeer(),
    get isGone() {
      return call.cancelled;
    },
  };
}
