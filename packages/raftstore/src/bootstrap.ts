import {
  EMPTY_BYTES,
  type Env,
  errorMessage,
  type KvEngine,
  KvError,
  type LogIndex,
  type Term,
} from '@tinykv/base';
import {
  applyStateKey,
  INITIAL_EPOCH,
  prepareBootstrapKey,
  type Region,
  regionStateKey,
  type SchedulerApi,
  storeIdentKey,
} from '@tinykv/model';
import type { GroupUpdate, RaftLog } from '@tinykv/raft';
import {
  decodeRegion,
  encodeApplyState,
  encodeRegion,
  encodeRegionState,
  type StoreIdent,
} from './local-state.js';

/** The log of a Region made with its peers begins after this point, as if a snapshot had put it there. */
export const INITIAL_INDEX: LogIndex = 5;
export const INITIAL_TERM: Term = 5;

/** How long the first Region is offered to a scheduler that does not answer, and the pause between two tries. */
const OFFER_MS = 30_000;
const OFFER_PAUSE_MS = 1_000;

/** The first state of the log of a Region made by bootstrap or split. */
export function initialLog(regionId: number): GroupUpdate {
  return {
    group: regionId,
    reset: { index: INITIAL_INDEX, term: INITIAL_TERM },
    hardState: { term: INITIAL_TERM, vote: 0, commit: INITIAL_INDEX },
    durableApplied: INITIAL_INDEX,
  };
}

/**
 * Makes the first Region of a new cluster, with one peer here, unless another store was first. A crash
 * in between is taken up again: what was prepared is offered once more. Refuses a store that lost to one with
 * another api.
 */
export async function bootstrapCluster(
  env: Env,
  engine: KvEngine,
  log: RaftLog,
  scheduler: SchedulerApi,
  ident: StoreIdent,
  address: string,
): Promise<void> {
  const prepared = engine.get(prepareBootstrapKey);
  if (prepared === undefined && (await scheduler.isBootstrapped())) return;
  const region = prepared ? decodeRegion(prepared) : await prepare(engine, scheduler, ident);
  env.faults.hit('bootstrap-before-offer');
  const mine = await offer(env, scheduler, ident, address, region);
  env.faults.hit('bootstrap-offered');
  const clusterApi = mine ? ident.api : await scheduler.clusterApi();
  const batch = engine.batch();
  batch.delete(prepareBootstrapKey);
  if (!mine) {
    batch.delete(regionStateKey(region.id));
    batch.delete(applyStateKey(region.id));
    // Nothing has been written with this api: the folder may take that of the cluster at its next start.
    if (clusterApi !== ident.api) batch.delete(storeIdentKey);
  } else if (engine.get(regionStateKey(region.id)) === undefined) {
    await log.append([initialLog(region.id)]);
    env.faults.hit('bootstrap-log-begun');
    putInitialState(batch, region, ident.storeId);
  }
  await engine.write(batch, { sync: true });
  env.faults.hit('bootstrap-recorded');
  if (clusterApi !== ident.api) {
    const text = `this store was started with api ${ident.api}, and another bootstrapped the cluster with api ${clusterApi}`;
    throw new KvError('FAILED_PRECONDITION', text);
  }
}

/** Whether the Region is the cluster's first. Without an answer it is offered again, which is safe: it is the same. */
async function offer(
  { clock, logger }: Env,
  scheduler: SchedulerApi,
  { storeId, api }: StoreIdent,
  address: string,
  region: Region,
): Promise<boolean> {
  const store = { id: storeId, address, state: 'up' as const };
  const deadline = clock.mono() + OFFER_MS;
  for (;;) {
    try {
      return (await scheduler.bootstrap(store, region, api)) || (await isKnown(scheduler, storeId));
    } catch (error) {
      if (!isPassing(error) || clock.mono() >= deadline) throw error;
      logger.warn('the cluster is not bootstrapped yet', { error: errorMessage(error) });
    }
    await new Promise<void>((resolve) => clock.after(OFFER_PAUSE_MS, resolve));
  }
}

function isPassing(error: unknown): boolean {
  if (!(error instanceof KvError)) return false;
  return error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED';
}

/**
 * Whether an earlier offer of this store was taken and its answer lost: while what it prepared is still
 * here, the store has not announced itself, so nothing but its bootstrap can have made it known.
 */
async function isKnown(scheduler: SchedulerApi, storeId: number): Promise<boolean> {
  return (await scheduler.allStores()).some(({ id }) => id === storeId);
}

async function prepare(
  engine: KvEngine,
  scheduler: SchedulerApi,
  ident: StoreIdent,
): Promise<Region> {
  const id = await scheduler.allocId();
  const peerId = await scheduler.allocId();
  const region: Region = {
    id,
    range: { start: EMPTY_BYTES, end: EMPTY_BYTES },
    epoch: INITIAL_EPOCH,
    peers: [{ id: peerId, storeId: ident.storeId, learner: false }],
  };
  const batch = engine.batch();
  batch.put(prepareBootstrapKey, encodeRegion(region));
  await engine.write(batch, { sync: true });
  return region;
}

/** The engine's side of a Region that begins at the initial point. */
export function putInitialState(
  batch: ReturnType<KvEngine['batch']>,
  region: Region,
  storeId: number,
): void {
  const peer = region.peers.find((p) => p.storeId === storeId);
  if (peer === undefined) return;
  batch.put(
    regionStateKey(region.id),
    encodeRegionState({
      state: 'normal',
      region,
      peerId: peer.id,
      appliedIndex: INITIAL_INDEX,
      appliedTerm: INITIAL_TERM,
      snapshotFile: '',
    }),
  );
  batch.put(
    applyStateKey(region.id),
    encodeApplyState({ index: INITIAL_INDEX, term: INITIAL_TERM }),
  );
}
