import { type AddressInfo, createServer, type Socket, type Server as TcpServer } from 'node:net';
import { KvError, type Logger, limits } from '@tinykv/base';
import { parseAddress } from './address.js';

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
 * An address that no other process can take any more, and the sockets of its connections. Nobody serves it until
 * {@link accept}: until then connections are dropped, and clients try again as where nobody listens.
 */
export class HeldAddress {
  readonly address: string;
  readonly #listener: TcpServer;
  readonly #sockets = new Set<Socket>();
  readonly #handshakeMs: number;
  #accept: ((socket: Socket) => void) | undefined;

  private constructor(address: string, listener: TcpServer, handshakeMs: number) {
    this.address = address;
    this.#listener = listener;
    this.#handshakeMs = handshakeMs;
    listener.on('connection', (socket) => this.#onConnection(socket));
  }

  /** Binds exactly `address`; rejects with UNAVAILABLE when that is not possible. */
  static async bind(
    address: string,
    logger: Logger,
    { connectionsMax, handshakeMs }: ConnectionLimits = CONNECTION_LIMITS,
  ): Promise<HeldAddress> {
    const listener = createServer({ noDelay: true });
    listener.maxConnections = connectionsMax;
    let isFull = false;
    listener.on('connection', () => {
      isFull = false;
    });
    listener.on('drop', () => {
      if (!isFull) logger.warn('too many connections', { address, most: connectionsMax });
      isFull = true;
    });
    const bound = await listen(listener, address);
    // After the start only a failed accept is reported here; the client sees it and tries again.
    listener.on('error', (error) => logger.warn('cannot accept', { error: error.message }));
    return new HeldAddress(bound, listener, handshakeMs);
  }

  /** From now on connections go there. */
  accept(take: (socket: Socket) => void): void {
    this.#accept = take;
  }

  /** Takes no new connections; resolves when the last one is gone. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#listener.close(() => resolve());
    });
  }

  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    if (this.#accept === undefined) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    // Once it speaks HTTP/2, keepalive finds out whether it still does.
    const handshake = setTimeout(() => {
      if (socket.bytesRead < HANDSHAKE_BYTES) socket.destroy();
    }, this.#handshakeMs);
    socket.once('close', () => {
      clearTimeout(handshake);
      this.#sockets.delete(socket);
    });
    this.#accept(socket);
  }
}

/** Returns the address with the port that the system has chosen. */
function listen(listener: TcpServer, address: string): Promise<string> {
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
