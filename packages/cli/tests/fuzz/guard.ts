import { compareBytes } from '@tinykv/base';
import {
  batchMethod,
  ProtoError,
  schedulerpb,
  tinykvadmin,
  tinykvpeer,
  tinykvstream,
  tinykvtxn,
  type UnaryMethod,
} from '@tinykv/proto';
import { readEnvelopes } from '../../../raftstore/src/envelope.js';
import { DOOMED, type World } from './world.js';

/** Whether a request leaves alone what it could disturb by its very purpose. */
type Rule = (request: Uint8Array, world: World) => boolean;

const HOUR = 3_600_000n << 18n;
const TEN_MINUTES_MS = 600_000;
/** The count of a request for timestamps that others need not wait for. */
const TSO_COUNT = 16_000;
const REPLICAS = 3;

function ruleOf<Q, S>(
  method: Pick<UnaryMethod<Q, S>, 'request'>,
  harmless: (request: Q, world: World) => boolean,
): Rule {
  return (bytes, world) => {
    let request: Q;
    try {
      request = method.request.decode(bytes);
    } catch (error) {
      if (error instanceof ProtoError) return true;
      throw error;
    }
    return harmless(request, world);
  };
}

const { Scheduler } = schedulerpb;
const { Admin } = tinykvadmin;

/**
 * As long as nobody has to say who it is, these do what they are asked: the data of others is destroyed, or
 * their service ends. Everything else must hold whatever is asked; these must hold within their rules.
 */
const rules: Readonly<Record<string, Rule>> = {
  // Removes a range, past everything.
  [tinykvtxn.Txn.unsafeDestroyRange.path]: ruleOf(
    tinykvtxn.Txn.unsafeDestroyRange,
    ({ startKey, endKey }) =>
      compareBytes(startKey, DOOMED.start) >= 0 &&
      endKey.length > 0 &&
      compareBytes(endKey, DOOMED.end) <= 0,
  ),
  // Takes the place of a store.
  [Scheduler.putStore.path]: ruleOf(Scheduler.putStore, ({ store }, world) => {
    return !world.storeIds.includes(store?.id ?? 0);
  }),
  [Scheduler.storeHeartbeat.path]: ruleOf(Scheduler.storeHeartbeat, ({ stats }, world) => {
    return !world.storeIds.includes(stats?.storeId ?? 0);
  }),
  // Says who leads a Region, and where it ends.
  [Scheduler.regionHeartbeat.path]: ruleOf(Scheduler.regionHeartbeat, ({ leader }, world) => {
    return !world.storeIds.includes(leader?.storeId ?? 0);
  }),
  // Drops replicas, or makes them on every store.
  [Scheduler.putClusterConfig.path]: ruleOf(Scheduler.putClusterConfig, ({ cluster }) => {
    const count = cluster?.maxPeerCount ?? 0;
    return count === 0 || count === REPLICAS || count > 1_000;
  }),
  // Ends the time that a transaction may take.
  [Scheduler.updateGCSafePoint.path]: ruleOf(
    Scheduler.updateGCSafePoint,
    ({ safePoint }, { timestamps }) =>
      safePoint < timestamps[0]! - HOUR / 6n || safePoint > timestamps[0]! + 24n * HOUR,
  ),
  [Admin.setGC.path]: ruleOf(Admin.setGC, ({ lifeTimeMs }) => {
    return lifeTimeMs === 0 || lifeTimeMs >= TEN_MINUTES_MS;
  }),
  // Drains a store.
  [Admin.setStoreState.path]: ruleOf(Admin.setStoreState, ({ storeId }, world) => {
    return !world.storeIds.includes(storeId);
  }),
  [Scheduler.tso.path]: ruleOf(Scheduler.tso, ({ count }) => count <= TSO_COUNT),
  // Speaks for a store, or for a member of a Raft group.
  [tinykvpeer.Peer.raft.path]: ruleOf(tinykvpeer.Peer.raft, (frame, world) => {
    const isStore = frame.startToken !== 0 && world.storeIds.includes(frame.fromStore);
    return !isStore && !speaksForMember(frame.messages, world);
  }),
  [tinykvstream.Batch.commands.path]: ruleOf(tinykvstream.Batch.commands, ({ items }, world) =>
    items.every(({ method, request }) => isHarmless(batchMethod(method)?.path, request, world)),
  ),
};

/** The methods that have a rule. */
export const guardedPaths: readonly string[] = Object.keys(rules);

/** False: what comes of it is asked for, so that it proves nothing against a server. */
export function isHarmless(path: string | undefined, request: Uint8Array, world: World): boolean {
  const rule = rules[path ?? ''];
  return rule === undefined || rule(request, world);
}

function speaksForMember(messages: Uint8Array, { regions }: World): boolean {
  const members = new Set(regions.flatMap(({ region }) => region.peers.map(({ id }) => id)));
  try {
    return readEnvelopes(messages).some(
      ({ from, message }) => members.has(from.id) || members.has(message?.from ?? 0),
    );
  } catch {
    // The store cannot read it either.
    return false;
  }
}
