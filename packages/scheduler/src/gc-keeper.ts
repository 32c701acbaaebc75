import { type Env, errorMessage, type Timer } from '@tinykv/base';
import type { Command } from './command.js';
import type { SchedulerConfig } from './config.js';
import type { GcSettings } from './gc-state.js';
import { dueSafePoint } from './policy/gc-safe-point.js';
import { schedulerNowMs } from './scheduler-now.js';
import type { SchedulerState } from './state.js';
import type { StateGroup } from './state-group.js';

/** How soon a changed interval counts. */
const LOOK_MS = 1_000;

export interface GcKeeperPorts {
  readonly env: Env;
  readonly config: SchedulerConfig;
  readonly group: StateGroup;
}

/** Moves the safe point, for as long as this member leads. */
export class GcKeeper {
  readonly #ports: GcKeeperPorts;
  #timer: Timer | undefined;
  #ranAt: number;

  constructor(ports: GcKeeperPorts) {
    this.#ports = ports;
    this.#ranAt = ports.env.clock.mono();
  }

  start(): void {
    const { env } = this.#ports;
    this.#timer = env.clock.after(LOOK_MS, () => {
      this.start();
      this.#look(env.clock.mono());
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #look(now: number): void {
    const { group, config } = this.#ports;
    if (now - this.#ranAt < gcSettings(group.state, config).intervalMs) return;
    this.#ranAt = now;
    for (const command of this.#due()) this.#propose(command);
  }

  *#due(): Iterable<Command> {
    const { group, config, env } = this.#ports;
    const { cluster, gc } = group.state;
    if (cluster === undefined) return;
    const nowMs = schedulerNowMs(env.clock, group.state, config);
    const { services, safePoint: current } = gc;
    if ([...services.values()].some(({ expiresAtMs }) => expiresAtMs <= nowMs)) {
      yield { type: 'expire-gc-services', nowMs };
    }
    const { lifeMs } = gcSettings(group.state, config);
    const { bootstrappedAtMs } = cluster;
    const safePoint = dueSafePoint({
      nowMs,
      lifeMs,
      bootstrappedAtMs,
      safePoint: current,
      services,
    });
    if (safePoint !== undefined) yield { type: 'raise-gc-safe-point', safePoint };
  }

  /** What fails is tried again at the next interval. */
  #propose(command: Command): void {
    const { group, env } = this.#ports;
    group.propose(command).catch((error: unknown) => {
      env.logger.warn('gc state not changed', { what: command.type, error: errorMessage(error) });
    });
  }
}

/** What an operator has set, or what the scheduler was started with. */
export function gcSettings({ gc }: SchedulerState, config: SchedulerConfig): GcSettings {
  return gc.settings ?? { lifeMs: config.gcLifeMs, intervalMs: config.gcIntervalMs };
}
