import { type Env, errorMessage, type Timer } from '@tinykv/base';
import type { ApiMode, SchedulerApi, StoreStats } from '@tinykv/model';
import { STANDALONE_REGION } from './standalone.js';

const [PEER] = STANDALONE_REGION.peers;

/**
 * Makes the one store and the one Region of `--raft=false` known to a scheduler, and keeps them so, that clients
 * find them as in any cluster.
 */
export class StandaloneRegistration {
  readonly #env: Env;
  readonly #scheduler: SchedulerApi;
  readonly #heartbeatMs: number;
  readonly #startTime: number;
  #timer: Timer | undefined;

  constructor(env: Env, scheduler: SchedulerApi, heartbeatMs: number) {
    this.#env = env;
    this.#scheduler = scheduler;
    this.#heartbeatMs = heartbeatMs;
    this.#startTime = Math.floor(env.clock.wall() / 1000);
  }

  /** Resolves with the API that the store's keys have, which is that of its first start. */
  async start(address: string, api: ApiMode): Promise<ApiMode> {
    const store = { id: PEER!.storeId, address, state: 'up' as const };
    if (!(await this.#scheduler.isBootstrapped())) {
      await this.#scheduler.bootstrap(store, STANDALONE_REGION, api);
    }
    await this.#scheduler.putStore(store);
    this.#report();
    return this.#scheduler.clusterApi();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #report(): void {
    this.#scheduler.regionHeartbeat({
      region: STANDALONE_REGION,
      leader: PEER!,
      term: 1,
      pendingPeers: [],
      downPeers: [],
      approximateBytes: 0,
      approximateKeys: 0,
    });
    this.#scheduler.storeHeartbeat(this.#stats()).catch((error: unknown) => {
      this.#env.logger.warn('store heartbeat', { error: errorMessage(error) });
    });
    this.#timer = this.#env.clock.after(this.#heartbeatMs, () => this.#report());
  }

  #stats(): StoreStats {
    return {
      storeId: PEER!.storeId,
      capacity: 0,
      available: 0,
      usedSize: 0,
      regionCount: 1,
      sendingSnapshots: 0,
      receivingSnapshots: 0,
      applyingSnapshots: 0,
      startTime: this.#startTime,
      isBusy: false,
      damagedPeers: [],
    };
  }
}
