import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import { defaultGatewayConfig, type GatewayConfig } from '../config.js';
import type { Connection, ConnectionEvents } from '../connection.js';
import { GatewayCore } from '../gateway.js';
import type { GatewayKv } from '../kv-port.js';
import { MemoryKv } from './memory-kv.js';
import { encodeRequest } from './resp-client.js';
import { TestClock } from './test-clock.js';

/** Of what a client does not read, no more is kept. */
const HELD_TEXT_MAX = 1_000_000;

/** A connection without a socket: keeps what was written, and is read as fast as it is told to. */
export class FakeConnection implements Connection {
  readonly address = '10.0.0.1:1000';
  readonly localAddress = '10.0.0.2:6379';
  output = '';
  ended = false;
  destroyed = false;
  paused = false;
  /** While true, writes are held up: the client does not read. */
  blocked = false;
  #held = 0;

  get bufferedBytes(): number {
    return this.#held;
  }

  write(bytes: Uint8Array): boolean {
    if (this.blocked) this.#held += bytes.length;
    if (this.#held < HELD_TEXT_MAX) this.output += Buffer.from(bytes).toString('latin1');
    return !this.blocked;
  }

  unblock(): void {
    this.blocked = false;
    this.#held = 0;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}

/** One scripted client of a gateway. */
export class TestClient {
  readonly connection: FakeConnection = new FakeConnection();
  readonly #events: ConnectionEvents;
  readonly #clock: TestClock;

  constructor(core: GatewayCore, clock: TestClock) {
    const events = core.accept(this.connection);
    if (events === undefined) throw new Error('connection refused');
    this.#events = events;
    this.#clock = clock;
  }

  /** Bytes as they are, without waiting. */
  write(bytes: string): void {
    this.#events.onData(Buffer.from(bytes, 'latin1'));
  }

  /** Sends requests at once; returns all output once nothing moves any more (no time passes). */
  async send(...requests: readonly (readonly string[])[]): Promise<string> {
    this.write(requests.map(encodeRequest).join(''));
    return this.output();
  }

  /** The same for one request written as a line. */
  line(text: string): Promise<string> {
    return this.send(text.split(' '));
  }

  /** What has been written since the last call. */
  async output(): Promise<string> {
    await this.#clock.settle();
    const { output } = this.connection;
    this.connection.output = '';
    return output;
  }

  drain(): void {
    this.connection.unblock();
    this.#events.onDrain();
  }

  endInput(): void {
    this.#events.onEnd();
  }

  close(): void {
    this.#events.onClose();
  }
}

export interface TestGateway {
  readonly env: FakeEnv;
  readonly clock: TestClock;
  readonly kv: MemoryKv;
  readonly core: GatewayCore;
  connect(): TestClient;
}

export interface TestGatewayOptions {
  /** Shared with other gateways. */
  readonly kv?: MemoryKv;
  readonly clock?: TestClock;
  readonly seed?: string;
  readonly config?: Partial<GatewayConfig>;
  /** Stands between the gateway and the store. */
  readonly wrap?: (kv: MemoryKv) => GatewayKv;
}

/** A gateway on a clock that is moved by hand, over the store in memory, ready to serve. */
export async function testGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const clock = options.clock ?? new TestClock();
  const env = fakeEnv({ seed: options.seed ?? 'gateway', clock });
  const kv = options.kv ?? new MemoryKv(clock);
  const store = options.wrap?.(kv) ?? kv;
  const config = { ...defaultGatewayConfig, sweepMs: 0, ...options.config };
  const core = new GatewayCore(env, store, config);
  core.start();
  await clock.settle();
  return { env, clock, kv, core, connect: () => new TestClient(core, clock) };
}
