import { assert, type Env, limits, toHex } from '@tinykv/base';
import { ClientMemory } from './client-memory.js';
import { defaultParameters } from './commands/server/parameters.js';
import {
  type CommandStats,
  type CpuTimes,
  type GatewayState,
  newGatewayStats,
} from './commands/spec.js';
import { CommandTable } from './commands/table.js';
import { latin1Bytes } from './commands/text.js';
import type { GatewayConfig } from './config.js';
import type { Connection, ConnectionEvents } from './connection.js';
import { Epochs } from './epochs/epochs.js';
import { Executor } from './executor.js';
import type { GatewayKv } from './kv-port.js';
import { ExpirySchedule } from './model/expiry-schedule.js';
import { DATABASES_MAX } from './model/keys.js';
import { Sweeper } from './model/sweeper.js';
import { Session, type SessionContext } from './session.js';
import { TtlClock } from './ttl-clock.js';

const NO_CPU = (): CpuTimes => ({ userMicroseconds: 0, systemMicroseconds: 0 });
const TOO_MANY_CLIENTS = '-ERR max number of clients reached\r\n';

/** The gateway without its sockets: what a simulator runs, and `server.ts` puts behind a port. */
export class GatewayCore {
  readonly state: GatewayState;
  readonly #kv: GatewayKv;
  readonly #sessions = new Map<number, Session>();
  readonly #context: SessionContext;
  readonly #sweeper: Sweeper;
  #nextSessionId = 1;
  #closing = false;
  #port: number;
  #drained: (() => void) | undefined;

  /** `cpu` tells the time of the process, where there is one. */
  constructor(env: Env, kv: GatewayKv, config: GatewayConfig, cpu: () => CpuTimes = NO_CPU) {
    assert(
      config.databases > 0 && config.databases <= DATABASES_MAX,
      () => `${config.databases} databases, not between 1 and ${DATABASES_MAX}`,
    );
    this.#kv = kv;
    this.#port = config.port;
    const gatewayId = env.rng.fork('gateway-id').bytes(8);
    this.state = this.#makeState(env, config, gatewayId, cpu);
    this.#sweeper = new Sweeper(env, kv, this.state, config);
    this.#context = {
      gateway: this.state,
      table: new CommandTable(),
      executor: new Executor(env, kv, this.state),
      versions: kv,
      memory: new ClientMemory(config.clientsBytesMax, () => this.#sessions.values()),
      onEnd: (session) => this.#onEnd(session),
    };
  }

  /** Memory that all clients hold, of the configured `clientsBytesMax`. */
  get clientsBytes(): number {
    return this.#context.memory.used;
  }

  #makeState(
    env: Env,
    config: GatewayConfig,
    gatewayId: Uint8Array,
    cpu: () => CpuTimes,
  ): GatewayState {
    const sessions = this.#sessions;
    const core = this;
    return {
      env,
      config,
      epochs: new Epochs(env, this.#kv, {
        instance: config.instance,
        databases: config.databases,
        gatewayId,
        leaseMs: config.epochLeaseMs,
        renewMs: config.epochRenewMs,
      }),
      ttlClock: new TtlClock(env.clock),
      expiries: new ExpirySchedule(),
      parameters: defaultParameters(config),
      startedMono: env.clock.mono(),
      runId: toHex(env.rng.fork('run-id').bytes(20)),
      get port(): number {
        return core.#port;
      },
      stats: newGatewayStats(),
      cpu,
      commandStats: new Map<string, CommandStats>(),
      sessions: () => sessions.values(),
    };
  }

  start(): void {
    this.state.epochs.start();
    this.#sweeper.start();
  }

  /** The port that INFO and CONFIG GET tell. */
  boundTo(port: number): void {
    this.#port = port;
    this.state.parameters.set('port', String(port));
  }

  /** Takes a connection; undefined when it was refused and told why. */
  accept(connection: Connection): ConnectionEvents | undefined {
    const { stats, config } = this.state;
    const max = Math.min(config.clientsMax, limits.gatewayClientsMax);
    if (this.#closing || this.#sessions.size >= max) {
      stats.connectionsRejected++;
      connection.write(latin1Bytes(TOO_MANY_CLIENTS));
      connection.end();
      return undefined;
    }
    const session = new Session(this.#nextSessionId++, connection, this.#context);
    this.#sessions.set(session.id, session);
    stats.connectionsReceived++;
    stats.connectedClients = this.#sessions.size;
    return session;
  }

  #onEnd(session: Session): void {
    this.#sessions.delete(session.id);
    this.state.stats.connectedClients = this.#sessions.size;
    if (this.#sessions.size === 0) this.#drained?.();
  }

  /** Answers what was begun for up to `drainMs`, then drops the connections that are left. */
  async close(drainMs: number): Promise<void> {
    this.#closing = true;
    for (const session of [...this.#sessions.values()]) session.drain();
    if (this.#sessions.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.state.env.clock.after(drainMs, resolve);
        this.#drained = (): void => {
          timer.cancel();
          resolve();
        };
      });
    }
    for (const session of [...this.#sessions.values()]) session.kill();
    this.#context.executor.close();
    await this.#sweeper.stop();
    await this.state.epochs.stop();
  }
}
