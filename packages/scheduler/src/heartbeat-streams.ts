import type { Clock, NetStream, StoreId, Timer } from '@tinykv/base';
import { schedulerpb } from '@tinykv/proto';

/** TinyKV's stores expect to hear something on the stream this often. */
const KEEP_ALIVE_MS = 60_000;

/** The stream on which each store gets what is wanted of it: the one that it last reported on. */
export class HeartbeatStreams {
  readonly #clock: Clock;
  readonly #byStore = new Map<StoreId, NetStream>();
  #keepAlive: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(clusterId: () => number): void {
    this.#keepAlive = this.#clock.after(KEEP_ALIVE_MS, () => {
      for (const storeId of this.#byStore.keys()) {
        this.send(storeId, { header: { clusterId: clusterId() } });
      }
      this.start(clusterId);
    });
  }

  stop(): void {
    this.#keepAlive?.cancel();
    this.#byStore.clear();
  }

  bind(storeId: StoreId, stream: NetStream): void {
    this.#byStore.set(storeId, stream);
  }

  unbind(stream: NetStream): void {
    for (const [storeId, bound] of this.#byStore) {
      if (bound === stream) this.#byStore.delete(storeId);
    }
  }

  /** A store without a stream misses it; the Region's next heartbeat brings it again. */
  send(storeId: StoreId, response: schedulerpb.RegionHeartbeatResponseInit): void {
    this.#byStore.get(storeId)?.send(schedulerpb.RegionHeartbeatResponse.encode(response));
  }
}
