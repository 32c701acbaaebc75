import { type Env, errorMessage, limits } from '@tinykv/base';
import { findPeer, type Region, type SchedulerApi } from '@tinykv/model';
import type { Peer } from './peer.js';
import type { PeerRegistry } from './registry.js';

export interface RemovalCheckHost {
  readonly env: Env;
  readonly scheduler: Pick<SchedulerApi, 'getRegionById'>;
  readonly registry: Pick<PeerRegistry, 'peers'>;
  /** Starts removing the peer; failures are fatal. */
  destroy(peer: Peer, region: Region): void;
}

/**
 * Asks the scheduler whether a peer has been removed from its Region. Another store's word is a reason to ask and no
 * more: a replica that is destroyed does not come back. While the scheduler is away the peer stays; it disturbs nobody.
 */
export class RemovalCheck {
  readonly #host: RemovalCheckHost;
  /** One question about a peer at a time, however often it is told that it is gone. */
  readonly #asked = new Set<Peer>();

  constructor(host: RemovalCheckHost) {
    this.#host = host;
  }

  /**
   * Destroys the peer if it is so. The scheduler's knowledge must be newer than what the peer has been told: it may have
   * been added since.
   */
  ask(peer: Peer): void {
    if (this.#asked.has(peer)) return;
    this.#asked.add(peer);
    const { env, scheduler, registry, destroy } = this.#host;
    const { id } = peer.region;
    scheduler
      .getRegionById(id)
      .then(
        (found) => {
          if (found === undefined || registry.peers.get(id) !== peer) return;
          if (isRemoved(peer, found.region))
            destroy(peer, { ...peer.region, epoch: found.region.epoch });
        },
        (error: unknown) => {
          env.logger.warn('stale peer check', { region_id: id, error: errorMessage(error) });
        },
      )
      .finally(() => this.#asked.delete(peer));
  }
}

function isRemoved({ region, heardConfVer, meta }: Peer, known: Region): boolean {
  const { confVer } = known.epoch;
  // No Region is that far ahead of what its leader has told the scheduler: a stranger made that number up.
  const heard = heardConfVer - confVer > limits.epochStepMax ? 0 : heardConfVer;
  return confVer > Math.max(region.epoch.confVer, heard) && !findPeer(known, meta.id);
}
