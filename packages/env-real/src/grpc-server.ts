import { type AddressInfo, createServer, type Socket, type Server as TcpServer } from 'node:net';
import {
  type ConnectionInjector,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import {
  KvError,
  type Logger,
  limits,
  type NetServer,
  type PeerInfo,
  type ServiceTable,
  type StreamEvents,
  type StreamHandler,
  type UnaryHandler,
} from '@tinykv/base';
import { parseAddress } from './address.js';
import { asBuffer, identity } from './grpc-bytes.js';
import { serverOptions } from './grpc-options.js';
import { ServerStream } from './grpc-server-stream.js';
import { handlerError, logUnexpected, toStatus } from './grpc-status.js';
import { GuardedEvents } from './stream-guard.js';

/** The limits of a server on connections that may be anybody's. */
export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly handshakeMs: number;
}

const CONNECTION_LIMITS: ConnectionLimits = {
  connectionsMax: limits.grpcConnectionsMax,
  handshakeMs: limits.grpcHandshakeMs,
};

/** The client's preface and the head of its first SETTINGS frame (RFC 9113, section 3.4). */
const HANDSHAKE_BYTES = 24 + 9;

/**
 * A gRPC server for a table of handlers on bytes. It owns its sockets, which grpc-js's own listener does
 * not let go of when calls outlast the drain.
 */
export class GrpcServer implements NetServer {
  readonly address: string;
  readonly #listener: TcpServer;
  readonly #sockets: Set<Socket>;
  readonly #injector: ConnectionInjector;
  #closing: Promise<void> | undefined;

  private constructor(
    address: string,
    listener: TcpServer,
    sockets: Set<Socket>,
    injector: ConnectionInjector,
  ) {
    this.address = address;
    this.#listener = listener;
    this.#sockets = sockets;
    this.#injector = injector;
  }

  /** Binds exactly `address`; rejects with UNAVAILABLE when that is not possible. */
  static async listen(
    address: string,
    services: ServiceTable,
    logger: Logger,
    { connectionsMax, handshakeMs }: ConnectionLimits = CONNECTION_LIMITS,
  ): Promise<GrpcServer> {
    const server = new Server(serverOptions);
    for (const [path, handler] of services.unary) {
      server.register(path, serveUnary(path, handler, logger), identity, identity, 'unary');
    }
    // To HTTP/2 a stream is a stream: this serves one-way streaming methods as well.
    for (const [path, handler] of services.stream) {
      server.register(path, serveStream(path, handler, logger), identity, identity, 'bidi');
    }
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const sockets = new Set<Socket>();
    const listener = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket);
      // Once it speaks HTTP/2, keepalive finds out whether it still does.
      const handshake = setTimeout(() => {
        if (socket.bytesRead < HANDSHAKE_BYTES) socket.destroy();
      }, handshakeMs);
      socket.once('close', () => {
        clearTimeout(handshake);
        sockets.delete(socket);
      });
      injector.injectConnection(socket);
    });
    listener.maxConnections = connectionsMax;
    let isFull = false;
    listener.on('connection', () => {
      isFull = false;
    });
    listener.on('drop', () => {
      if (!isFull) logger.warn('too many connections', { address, most: connectionsMax });
      isFull = true;
    });
    const bound = await bind(listener, address);
    // After the start only a failed accept is reported here; the client sees it and tries again.
    listener.on('error', (error) => logger.warn('cannot accept', { error: error.message }));
    return new GrpcServer(bound, listener, sockets, injector);
  }

  close(drainMs: number): Promise<void> {
    this.#closing ??= this.#close(drainMs);
    return this.#closing;
  }

  async #close(drainMs: number): Promise<void> {
    // Resolves when the last connection is gone; one ends by itself once its calls have.
    const closed = new Promise((resolve) => this.#listener.close(resolve));
    this.#injector.drain(drainMs);
    const drop = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, drainMs);
    await closed;
    clearTimeout(drop);
    this.#injector.destroy();
  }
}

/** Returns the address with the port that the system has chosen. */
function bind(listener: TcpServer, address: string): Promise<string> {
  const { host, port } = parseAddress(address);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      const message = `cannot listen on ${address}: ${error.message}`;
      reject(new KvError('UNAVAILABLE', message, { cause: error }));
    };
    listener.once('error', fail);
    listener.listen({ port, ...(host === '' ? {} : { host }) }, () => {
      listener.off('error', fail);
      const { port: bound } = listener.address() as AddressInfo;
      resolve(`${address.slice(0, address.lastIndexOf(':'))}:${bound}`);
    });
  });
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
