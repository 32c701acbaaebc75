import type { Cluster, StoreRegion } from '../cluster/cluster.js';
import type { Tally } from './tally.js';

/** How often replicas are looked at, in simulated milliseconds. */
const SAMPLE_MS = 50;

/** Counts what the cluster does by itself, from samples of its peers. */
export class Watch {
  readonly #cluster: Cluster;
  readonly #tally: Tally;
  readonly #leaders = new Map<number, { term: number; peer: number }>();
  readonly #epochs = new Map<number, { confVer: number; version: number }>();
  readonly #onSample: (peers: readonly StoreRegion[]) => void;

  constructor(cluster: Cluster, tally: Tally, onSample: (peers: readonly StoreRegion[]) => void) {
    this.#cluster = cluster;
    this.#tally = tally;
    this.#onSample = onSample;
  }

  start(): void {
    this.#cluster.world.after(SAMPLE_MS, 'sample', () => {
      this.#sample();
      this.start();
    });
  }

  #sample(): void {
    const peers = this.#cluster.peers();
    for (const { status } of peers) {
      const { region, role, term, peerId } = status;
      if (role !== 'StateLeader') continue;
      const known = this.#leaders.get(region.id);
      if (known === undefined || term > known.term) {
        if (known !== undefined && known.peer !== peerId) this.#tally.event('leader change');
        this.#leaders.set(region.id, { term, peer: peerId });
      }
      const { confVer, version } = region.epoch;
      const epoch = this.#epochs.get(region.id);
      if (epoch === undefined) {
        if (version > 1) this.#tally.event('split');
        this.#epochs.set(region.id, { confVer, version });
      } else if (confVer > epoch.confVer || version > epoch.version) {
        this.#tally.event('conf change', Math.max(0, confVer - epoch.confVer));
        this.#epochs.set(region.id, { confVer, version });
      }
    }
    this.#onSample(peers);
  }
}
