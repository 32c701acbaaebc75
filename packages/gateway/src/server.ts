import { createServer, type Server, type Socket } from 'node:net';
import { type Env, errorMessage, KvError } from '@tinykv/base';
import type { CpuTimes, GatewayStats } from './commands/spec.js';
import { defaultGatewayConfig, type GatewayConfig } from './config.js';
import type { Connection } from './connection.js';
import { GatewayCore } from './gateway.js';
import type { GatewayKv } from './kv-port.js';

const KEEP_ALIVE_MS = 300_000;

export interface Gateway {
  /** Begins to accept clients; rejects with UNAVAILABLE when the port cannot be had. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** Stops accepting, answers what was begun for up to `drainMs`, then closes. */
  close(drainMs: number): Promise<void>;
  stats(): GatewayStats;
}

/** A Redis server on a TCP port over the store below `kv`. */
export function createGateway(
  env: Env,
  kv: GatewayKv,
  config: Partial<GatewayConfig> = {},
): Gateway {
  return new SocketGateway(env, kv, { ...defaultGatewayConfig, ...config });
}

class SocketGateway implements Gateway {
  readonly #env: Env;
  readonly #config: GatewayConfig;
  readonly #core: GatewayCore;
  readonly #server: Server;

  constructor(env: Env, kv: GatewayKv, config: GatewayConfig) {
    this.#env = env;
    this.#config = config;
    this.#core = new GatewayCore(env, kv, config, processCpu);
    this.#server = createServer({
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      // A client that has sent its last request still gets the answers.
      allowHalfOpen: true,
    });
    this.#server.on('connection', (socket) => this.#onConnection(socket));
    this.#server.on('error', (error) =>
      env.logger.error('gateway socket failed', { error: errorMessage(error) }),
    );
  }

  listen(): Promise<{ readonly host: string; readonly port: number }> {
    const { host, port } = this.#config;
    return new Promise((resolve, reject) => {
      const refuse = (cause: Error): void =>
        reject(new KvError('UNAVAILABLE', `cannot listen on ${host}:${port}`, { cause }));
      this.#server.once('error', refuse);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', refuse);
        const bound = this.#server.address();
        const boundPort = bound !== null && typeof bound === 'object' ? bound.port : port;
        this.#core.boundTo(boundPort);
        this.#core.start();
        this.#env.logger.info('gateway listens', { host, port: boundPort });
        resolve({ host, port: boundPort });
      });
    });
  }

  async close(drainMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.#core.close(drainMs);
    await closed;
  }

  stats(): GatewayStats {
    return { ...this.#core.state.stats };
  }

  #onConnection(socket: Socket): void {
    const connection = new SocketConnection(socket);
    const events = this.#core.accept(connection);
    // A reset by the client is the end of its connection and nothing else; 'close' follows.
    socket.on('error', () => socket.destroy());
    if (events === undefined) return;
    socket.on('data', (bytes) => events.onData(bytes));
    socket.on('end', () => events.onEnd());
    socket.on('drain', () => events.onDrain());
    socket.on('close', () => events.onClose());
  }
}

function processCpu(): CpuTimes {
  const { user, system } = process.cpuUsage();
  return { userMicroseconds: user, systemMicroseconds: system };
}

class SocketConnection implements Connection {
  readonly address: string;
  readonly localAddress: string;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.address = `${socket.remoteAddress}:${socket.remotePort}`;
    this.localAddress = `${socket.localAddress}:${socket.localPort}`;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    return this.#socket.write(bytes);
  }

  end(): void {
    // A client that keeps its half open does not keep the connection.
    this.#socket.end(() => this.#socket.destroy());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}
