import { errorMessage, type Timer } from '@tinykv/base';
import type { Cluster } from './cluster.js';
import type { GcKeeperPorts } from './gc-keeper.js';
import { schedulerNowMs } from './scheduler-now.js';

const LOOK_MS = 10_000;
/** Silence is worth an entry of the log once it is longer than any pause of a store that lives. */
const NOTED_MS = 60_000;

/**
 * Notes in the replicated state since when a store has been silent, for as long as this member leads. Heartbeats are in
 * the memory of the leader alone: without the note each new leader would take a dead store for a fresh one, and a
 * scheduler that restarts now and then would never replace its peers. A store that speaks costs nothing.
 */
export class SilenceKeeper {
  readonly #ports: GcKeeperPorts;
  readonly #cluster: Cluster;
  #timer: Timer | undefined;

  constructor(ports: GcKeeperPorts, cluster: Cluster) {
    this.#ports = ports;
    this.#cluster = cluster;
  }

  start(): void {
    this.#timer = this.#ports.env.clock.after(LOOK_MS, () => {
      this.start();
      this.#look();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #look(): void {
    const { env, group, config } = this.#ports;
    const { silentSince, tsoBoundMs } = group.state;
    // Without a bound there is no time that the next leader could compare with.
    if (tsoBoundMs === 0) return;
    for (const { id, state } of this.#cluster.stores()) {
      if (state === 'tombstone') continue;
      const silentMs = this.#cluster.silentMs(id);
      const isNoted = silentSince.has(id);
      if (isNoted && this.#cluster.hasHeard(id) && silentMs <= NOTED_MS) this.#note(id, 0);
      else if (!isNoted && silentMs > NOTED_MS) {
        this.#note(id, Math.floor(schedulerNowMs(env.clock, group.state, config) - silentMs));
      }
    }
  }

  /** A note that fails is tried again at the next look. */
  #note(storeId: number, sinceMs: number): void {
    const { env, group } = this.#ports;
    if (sinceMs < 0) return;
    group.propose({ type: 'note-silence', storeId, sinceMs }).catch((error: unknown) => {
      env.logger.warn('silence not noted', { store: storeId, error: errorMessage(error) });
    });
  }
}
