import type { Env, KvEngine, LogIndex } from '@tinykv/base';
import { type KeyRange, rangesOverlap } from '@tinykv/model';
import type { Group, ReplicaLoop } from '@tinykv/replica';
import type { PeerRegistry } from './registry.js';
import { wipeDurably } from './wipe.js';

/** Between two looks at what has to be applied first. */
const LOOK_MS = 20;
/** A store whose logs are applied no further by then refuses, and removes nothing. */
const SETTLE_TIMEOUT_MS = 5_000;

/** Removes all data of a range of location keys, durably. Answers why it did not, or undefined. */
export type DestroyKeyRange = (range: KeyRange) => Promise<string | undefined>;

export interface RangeDestroyerHost {
  readonly env: Env;
  readonly engine: KvEngine;
  readonly registry: PeerRegistry;
  readonly loop: Pick<ReplicaLoop, 'fence'>;
  /** Told of every range that has been wiped. */
  wiped(range: KeyRange): void;
}

/** The end of a Region's log when a request came. */
interface Tail {
  readonly regionId: number;
  readonly group: Group;
  readonly index: LogIndex;
}

/**
 * Removes what a store holds of a range, past Raft. Whatever stands in the data or in the logs of this store when
 * the request comes is gone for good once it is answered:
 *
 * 1. Entries that are in a log and not applied would bring their keys back: they are applied first. Snapshots that
 *    wait or are being installed end first, and no other is taken until the answer.
 * 2. A start replays the logs from what they say is durably applied: a barrier, and the present index of every
 *    overlapping Region, noted durably. No entry from before the wipe is replayed over it.
 * 3. The wipe, and a barrier, without which a crash would undo any of its batches.
 *
 * A crash before the end leaves some of the range, and no answer. Entries and snapshots that reach this store after the
 * request are written as always; a replica that lags may so get back what the others have removed.
 */
export class RangeDestroyer {
  readonly #host: RangeDestroyerHost;

  constructor(host: RangeDestroyerHost) {
    this.#host = host;
  }

  readonly destroy: DestroyKeyRange = async (range) => {
    const { engine, registry, loop, wiped } = this.#host;
    // A copy: two requests may name the same range.
    const clearing = { ...range };
    registry.clearing.add(clearing);
    try {
      const refusal = await this.#settle(range);
      if (refusal !== undefined) return refusal;
      await loop.fence(this.#peers(range).map(({ group }) => group));
      await wipeDurably(engine, registry.api, range);
      wiped(range);
      return undefined;
    } finally {
      registry.clearing.delete(clearing);
    }
  };

  /** Peers that may hold data of the range, or write some. A damaged one applies nothing any more. */
  #peers(range: KeyRange): { readonly regionId: number; readonly group: Group }[] {
    return [...this.#host.registry.peers.values()]
      .filter((peer) => peer.initialized && !peer.damaged)
      .filter(({ region }) => rangesOverlap(region.range, range))
      .map(({ region, group }) => ({ regionId: region.id, group }));
  }

  /** Waits until nothing from before is left to be written to the range; answers what has not ended in time. */
  async #settle(range: KeyRange): Promise<string | undefined> {
    const { clock } = this.#host.env;
    const tails = this.#peers(range).map(({ regionId, group }): Tail => {
      return { regionId, group, index: group.node.lastIndex };
    });
    const deadline = clock.mono() + SETTLE_TIMEOUT_MS;
    for (;;) {
      const pending = pendingTail(tails) ?? this.#pendingSnapshot(range);
      if (pending === undefined || clock.mono() >= deadline) return pending;
      await new Promise<void>((resolve) => {
        clock.after(LOOK_MS, resolve);
      });
    }
  }

  #pendingSnapshot(range: KeyRange): string | undefined {
    const { reserved, peers } = this.#host.registry;
    for (const [id, promised] of reserved) {
      // A snapshot that a damaged peer has been promised is never installed.
      if (peers.get(id)?.damaged === true || !rangesOverlap(promised, range)) continue;
      return `region ${id} is being replaced by a snapshot`;
    }
    return undefined;
  }
}

/** An entry that is not committed may yet be replaced, and the log then be shorter. */
function pendingTail(tails: readonly Tail[]): string | undefined {
  for (const { regionId, group, index } of tails) {
    if (group.destroyed || group.applied >= Math.min(index, group.node.lastIndex)) continue;
    return `region ${regionId} has applied its log up to ${group.applied} of ${index}`;
  }
  return undefined;
}
