import { CodecError, type Env, type KvEngine, KvError, type LogIndex } from '@tinykv/base';
import {
  applyStateKey,
  findPeer,
  type KeyRange,
  type Region,
  type RegionMap,
  regionStateKey,
  regionStateRange,
} from '@tinykv/model';
import type { Entry, GroupUpdate, RaftLog, RecoveredGroup } from '@tinykv/raft';
import { recoveredState } from '@tinykv/replica';
import { INITIAL_INDEX, INITIAL_TERM } from './bootstrap.js';
import type { PeerLifecycle } from './lifecycle.js';
import {
  decodeApplyState,
  decodeRegionState,
  encodeRegionState,
  type RegionLocalState,
} from './local-state.js';
import type { PeerRegistry } from './registry.js';
import { installSnapshotData, problemOfFile } from './snapshot-install.js';
import { subtractRanges } from './subtract-ranges.js';

const READ_BYTES = 16_777_216;

/** What recovery works on. */
export interface RecoveryHost {
  readonly env: Env;
  readonly engine: KvEngine;
  readonly log: RaftLog;
  readonly registry: PeerRegistry;
  readonly lifecycle: PeerLifecycle;
}

/** A peer to bring back: its log, or why it may take no part any more. */
type Found =
  | { readonly state: RegionLocalState; readonly group: RecoveredGroup }
  | { readonly state: RegionLocalState; readonly damage: string };

/**
 * Brings back the peers of this store from the engine's Region states and the Raft log, and ends what
 * a crash left half done: a split's child without a log, a snapshot, a destroyed peer.
 */
export async function recoverPeers(
  host: RecoveryHost,
  recovered: readonly RecoveredGroup[],
): Promise<void> {
  const groups = new Map(recovered.map((group) => [group.group, group]));
  const states = await readStates(host.engine);
  const found: Found[] = [];
  for (const state of states) {
    if (state.state === 'tombstone') continue;
    const { id } = state.region;
    const group = groups.get(id);
    groups.delete(id);
    const damage = await damageOf(host, state, group);
    if (damage !== undefined) found.push({ state, damage });
    else found.push({ state, group: await mendGroup(host, state, group) });
  }
  // Only now: from here on the log has a writer of its own, the peers that were added, and takes one at a time.
  for (const each of found) {
    if ('damage' in each) await addDamaged(host, each.state, each.damage);
    else await addPeer(host, each.state, each.group);
  }
  for (const state of states) {
    const group = groups.get(state.region.id);
    if (state.state !== 'tombstone' || group === undefined) continue;
    groups.delete(state.region.id);
    await finishTombstone(host, state, group);
  }
  for (const group of groups.values()) host.lifecycle.addOrphan(group);
  await removeSnapshotFiles(host);
}

async function readStates(engine: KvEngine): Promise<RegionLocalState[]> {
  const out: RegionLocalState[] = [];
  const iterator = engine.iterator(regionStateRange);
  try {
    for (;;) {
      const page = await iterator.next(256);
      if (page.length === 0) return out;
      for (const [, value] of page) out.push(decodeRegionState(value));
    }
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new KvError('DATA_LOSS', `region state: ${error.message}`, { cause: error });
  } finally {
    await iterator.close();
  }
}

/** Why a peer may take no part any more, or undefined. */
async function damageOf(
  { engine, env }: RecoveryHost,
  { state, region, appliedIndex, snapshotFile }: RegionLocalState,
  group: RecoveredGroup | undefined,
): Promise<string | undefined> {
  if (state === 'damaged') return 'as found before';
  if (state === 'applying') return problemOfFile(env.fs, snapshotFile);
  const bytes = engine.get(applyStateKey(region.id));
  const applied = bytes === undefined ? appliedIndex : readApplyState(region.id, bytes);
  const lastIndex = group?.lastIndex ?? 0;
  // Nothing is applied before it is durable in the log, save the first state of a split's child.
  if (Math.max(applied, appliedIndex) <= Math.max(lastIndex, INITIAL_INDEX)) return undefined;
  return `entries up to ${applied} were applied, the log ends at ${lastIndex}`;
}

function readApplyState(regionId: number, bytes: Uint8Array): LogIndex {
  try {
    return decodeApplyState(bytes).index;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new KvError('DATA_LOSS', `region ${regionId}: ${error.message}`, { cause: error });
  }
}

async function addDamaged(
  host: RecoveryHost,
  state: RegionLocalState,
  reason: string,
): Promise<void> {
  const { region, peerId, otherRange } = state;
  const { storeId } = host.registry;
  const meta = findPeer(region, peerId) ?? { id: peerId, storeId, learner: false };
  await host.lifecycle.addDamaged(meta, region, reason, otherRange);
}

/** The group's log, after what was left half done has been finished. */
async function mendGroup(
  host: RecoveryHost,
  state: RegionLocalState,
  group: RecoveredGroup | undefined,
): Promise<RecoveredGroup> {
  if (state.state === 'applying') return resumeSnapshot(host, state, group);
  if (group !== undefined && group.lastIndex >= state.appliedIndex) return group;
  // The split that made this Region is durable, its first log is not: it is made now. A peer that a
  // message had made before may have voted.
  const voted = group !== undefined && group.hardState.term >= INITIAL_TERM;
  const { term, vote } = voted ? group.hardState : { term: INITIAL_TERM, vote: 0 };
  host.env.faults.hit('recovery-before-child-log');
  return resetLog(host.log, {
    group: state.region.id,
    reset: { index: INITIAL_INDEX, term: INITIAL_TERM },
    hardState: { term, vote, commit: INITIAL_INDEX },
    durableApplied: INITIAL_INDEX,
  });
}

async function resumeSnapshot(
  host: RecoveryHost,
  state: RegionLocalState,
  group: RecoveredGroup | undefined,
): Promise<RecoveredGroup> {
  const { env, engine, registry, log } = host;
  const { region, appliedIndex, appliedTerm, otherRange } = state;
  env.logger.info('snapshot resumed', { region_id: region.id, index: appliedIndex });
  const wipe = otherRange === undefined ? [region.range] : [otherRange, region.range];
  await installSnapshotData(engine, env, registry.api, state.snapshotFile, wipe);
  env.faults.hit('recovered-snapshot-before-log-reset');
  const { term, vote } = group?.hardState ?? { term: appliedTerm, vote: 0 };
  const mended = await resetLog(log, {
    group: region.id,
    reset: { index: appliedIndex, term: appliedTerm },
    hardState: { term: Math.max(term, appliedTerm), vote, commit: appliedIndex },
    durableApplied: appliedIndex,
  });
  env.faults.hit('recovered-snapshot-before-normal');
  const batch = engine.batch();
  batch.put(
    regionStateKey(region.id),
    encodeRegionState({ ...state, state: 'normal', snapshotFile: '', otherRange: undefined }),
  );
  await engine.write(batch, { sync: true });
  return mended;
}

async function resetLog(
  log: RaftLog,
  update: Required<Pick<GroupUpdate, 'group' | 'reset' | 'hardState' | 'durableApplied'>>,
): Promise<RecoveredGroup> {
  await log.append([update]);
  return {
    group: update.group,
    hardState: update.hardState,
    truncated: update.reset,
    lastIndex: update.reset.index,
    durableApplied: update.durableApplied,
    termRuns: [],
  };
}

async function addPeer(
  host: RecoveryHost,
  state: RegionLocalState,
  group: RecoveredGroup,
): Promise<void> {
  const { region, peerId } = state;
  const meta = region.peers.find((peer) => peer.id === peerId);
  if (meta === undefined) {
    throw new KvError('DATA_LOSS', `peer ${peerId} is not in its own region ${region.id}`);
  }
  const start = recoveredState(group, state.appliedIndex);
  const entries = await readTail(host.log, region.id, start.durableApplied + 1, group.lastIndex);
  const peer = host.lifecycle.add(meta, region, start, true);
  peer.group.storage.preload(entries);
  peer.group.touch();
}

/** All entries from `low` to the last: what is not durably applied must be at hand. */
async function readTail(
  log: RaftLog,
  group: number,
  low: LogIndex,
  last: LogIndex,
): Promise<Entry[]> {
  const out: Entry[] = [];
  for (let next = low; next <= last; next = low + out.length) {
    out.push(...(await log.read(group, next, last + 1, READ_BYTES)));
  }
  return out;
}

/**
 * The data of a destroyed peer goes, except where another Region has come to stand, and then its log. A log without
 * entries may be that of the peer after it, which a message made, so its vote is kept.
 */
async function finishTombstone(
  host: RecoveryHost,
  state: RegionLocalState,
  group: RecoveredGroup,
): Promise<void> {
  const { registry, lifecycle } = host;
  const { id, range, peers } = state.region;
  const { otherRange } = state;
  const own: readonly KeyRange[] = peers.length === 0 ? [] : [range];
  const ranges = otherRange === undefined ? own : [...own, otherRange];
  const live = liveRanges(registry.ranges);
  const free = ranges.flatMap((one) => subtractRanges(one, live));
  host.env.faults.hit('recovery-before-tombstone-finished');
  if (group.lastIndex > 0) {
    await lifecycle.finishDestroy(id, free);
    return;
  }
  await lifecycle.wipe(free);
  lifecycle.addOrphan(group);
}

function liveRanges(ranges: RegionMap<Region>): KeyRange[] {
  return ranges.values().map((region) => region.range);
}

/** What was being installed is installed by now: no snapshot file is waited for any more. */
async function removeSnapshotFiles({ env }: RecoveryHost): Promise<void> {
  env.faults.hit('recovery-before-files-removed');
  for (const file of await env.fs.list('')) {
    if (file.endsWith('.snap')) await env.fs.remove(file);
  }
}
