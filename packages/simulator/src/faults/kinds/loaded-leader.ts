import { concatBytes } from '@tinykv/base';
import { findPeerOnStore, type Region, userKeyOfBound } from '@tinykv/model';
import { tinykvpb } from '@tinykv/proto';
import { apiOf } from '../../cluster/sim-config.js';
import type { StoreNode } from '../../cluster/store-node.js';
import { type Arena, pick } from '../arena.js';
import { VOTERS_MIN, voters } from '../replacement.js';
import type { FaultRule } from '../rule.js';

/** Entries that the leader has and nobody else when it is cut off. */
const ENTRIES = 10;
/** Proposals of one turn share an entry. */
const TURN_MS = 20;
/** A timestamp has so many bits below its milliseconds. The highest numbers of a millisecond are never granted here. */
const LOGICAL_BITS = 18n;
const BACK_MS = 300;

const { kvBatchRollback, rawDelete } = tinykvpb.TinyKv;

/**
 * A leader is not heard by the other stores while it takes entries, another is elected, and the old one leads again:
 * its tail was replaced meanwhile. The entries are rollbacks of transactions that never were.
 */
export const loadedLeader: readonly FaultRule[] = [
  {
    kind: 'isolate-loaded-leader',
    weight: 2,
    lastsMs: [1_500, 5_000],
    begin: (arena, { target, lastsMs }) => {
      const leaders = arena.leaders().filter(({ status }) => voters(status.region) >= VOTERS_MIN);
      if (leaders.length === 0) return false;
      const { node, status } = pick(leaders, target);
      const { region } = status;
      if (!arena.part([node], lastsMs)) return false;
      for (let i = 0; i < ENTRIES; i++) {
        arena.later(i * TURN_MS, () => propose(arena, node, region, i));
      }
      arena.later(ENTRIES * TURN_MS, () => {
        const now = node.store?.regions().find((one) => one.region.id === region.id);
        if (now === undefined || now.role !== 'StateLeader') return;
        if (now.lastIndex - now.committed >= 8) {
          arena.tally.event('leader isolated with eight entries');
        }
      });
      return arena.later(lastsMs + BACK_MS, () => leadAgain(arena, node, region));
    },
  },
];

function propose(arena: Arena, node: StoreNode, region: Region, i: number): void {
  const { proc, store } = node;
  const peer = store && findPeerOnStore(region, store.storeId);
  if (proc === undefined || store === undefined || peer === undefined) return;
  const { scheduler, world, shape } = arena.cluster;
  const api = apiOf(shape);
  const wall = BigInt(scheduler.machine.clock.wall(world.now));
  const context = { regionId: region.id, regionEpoch: region.epoch, peer };
  // Behind the first key of the Region, each another: one waits for no latch of the other.
  const key = concatBytes(userKeyOfBound(api, region.range.start), Uint8Array.of(0, i));
  const startVersion = ((wall + 1n) << LOGICAL_BITS) - 1n - BigInt(i);
  const request =
    api === 'raw'
      ? rawDelete.request.encode({ context, key })
      : kvBatchRollback.request.encode({ context, startVersion, keys: [key] });
  const { path } = api === 'raw' ? rawDelete : kvBatchRollback;
  proc.run(() => {
    const handler = store.services().unary.get(path)!;
    const answer = Promise.resolve(handler(request, { address: 'nemesis:0' }));
    answer.then(
      () => arena.tally.event('rollback of no transaction'),
      // Unknown, as everything that an isolated leader is asked for.
      () => arena.tally.event('rollback of no transaction unknown'),
    );
  });
}

function leadAgain(arena: Arena, { storeId }: StoreNode, { id }: Region): void {
  if (storeId === undefined || arena.client === undefined) return;
  const operator = { kind: 'transfer-leader', regionId: id, storeId } as const;
  arena.client.scheduler.admin.addOperator(operator).then(
    () => arena.tally.event('operator'),
    () => arena.tally.event('operator refused'),
  );
}
