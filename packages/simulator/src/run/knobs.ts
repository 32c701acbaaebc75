import type { Rng } from '@tinykv/base';
import type { Configs, Settings } from '../cluster/settings.js';
import type { ClusterShape } from '../cluster/sim-config.js';
import type { Profile } from '../faults/fault.js';
import type { WorkloadName } from './workload-name.js';

/** Of the workloads, not of the cluster. */
interface Pace {
  /** Mean pause of a client between two operations, in milliseconds. */
  readonly thinkMs: number;
  readonly keys: number;
  /** The share of the keys is to this power: 1 draws them evenly, more prefers the first ones. */
  readonly skew: number;
}

interface Targets extends Configs {
  readonly shape: ClusterShape;
  readonly pace: Pace;
}
type Target = keyof Targets;

/** The profile and the workload that a plan is drawn for. */
interface About {
  readonly profile: Profile;
  readonly workload: WorkloadName;
}

/** One line of the table: in a share of the seeds, some fields of one configuration get values of their own. */
interface Knob {
  readonly sets: Target;
  readonly name: string;
  readonly share: number;
  readonly draw: (rng: Rng, about: About) => Partial<Targets[Target]>;
}

/** The settings that the knobs have come to. */
interface Drawn {
  readonly shape: Partial<ClusterShape>;
  readonly pace: Partial<Pace>;
  readonly settings: Settings;
}

function group<T extends Target>(
  sets: T,
  name: string,
  share: number,
  draw: (rng: Rng, about: About) => Partial<Targets[T]>,
): Knob {
  return { sets, name, share, draw };
}

function one<T extends Target, K extends keyof Targets[T] & string>(
  sets: T,
  name: K,
  share: number,
  draw: (rng: Rng, about: About) => Targets[T][K],
): Knob {
  const drawOne = (rng: Rng, about: About): Partial<Targets[T]> =>
    ({ [name]: draw(rng, about) }) as unknown as Partial<Targets[T]>;
  return { sets, name, share, draw: drawOne };
}

const between =
  (low: number, high: number) =>
  (rng: Rng): number =>
    rng.int(low, high + 1);

/** Evenly by order of magnitude. */
const about =
  (low: number, high: number) =>
  (rng: Rng): number =>
    Math.round(low * (high / low) ** rng.float());

/** A limit of the product that is lowered in few seeds each: a run has several of them at most. */
const LOWERED = 0.06;

function limit(name: keyof Configs['limits'], low: number, high: number): Knob {
  return one('limits', name, LOWERED, about(low, high));
}

/** Everything that a seed draws beside the faults and the network, a line each. */
export const knobs: readonly Knob[] = [
  // Sizes and periods of all clusters.
  one('shape', 'regionMaxBytes', 1, (rng, { profile }) =>
    profile === 'light' ? 65_536 : rng.int(4_000, 40_000),
  ),
  one('shape', 'logGcEntries', 1, between(5, 200)),
  one('shape', 'barrierIntervalMs', 1, between(100, 2_000)),
  one('shape', 'diskDelayMs', 1, (rng) => 0.1 + rng.float() * 2),
  one('shape', 'messageBytesMax', 0.5, between(100, 2_000)),
  one('shape', 'gcLifeMs', 1, drawGcLife),
  // 40 % the log engine, 30 % the one on LevelDB, and the model in the others.
  one('shape', 'engine', 0.7, (rng) => (rng.float() < 4 / 7 ? 'log' : 'level')),
  // Regions in the raw layout are read by raw clients alone.
  group('store', 'api', 0.35, (_rng, { workload }) => {
    const raw = { api: 'raw' } as const;
    return workload === 'raw' ? raw : {};
  }),
  group('scheduler', 'maxReplicas', 0.3, (rng) => ({ maxReplicas: rng.float() < 0.35 ? 1 : 5 })),
  // Raft.
  group('replica', 'ticks', 0.4, (rng) => {
    const heartbeatTicks = rng.int(1, 4);
    return { heartbeatTicks, electionTicks: rng.int(Math.max(6, 3 * heartbeatTicks), 15) };
  }),
  one('replica', 'barrierBytes', 0.2, about(2_000, 64_000)),
  one('replica', 'logGcIntervalMs', 0.3, about(200, 3_000)),
  one('replica', 'logGcAgeMs', 0.3, about(500, 10_000)),
  one('replica', 'logGcBytes', 0.15, about(4_000, 64_000)),
  // From never to longer than any heartbeat takes to come.
  one('replica', 'commitHoldMs', 0.3, (rng) => (rng.float() < 0.2 ? 0 : about(1, 1_000)(rng))),
  one('replica', 'applyHoldMs', 0.3, (rng) => (rng.float() < 0.2 ? 0 : about(1, 1_000)(rng))),
  one('replica', 'snapshotLogKeepMs', 0.15, about(500, 20_000)),
  // Stores.
  // Pieces far smaller than what is split would make very many of them.
  one('store', 'regionSplitBytes', 0.3, between(6_000, 30_000)),
  one('store', 'splitCheckIntervalMs', 0.3, about(100, 2_000)),
  one('store', 'snapshotBytesPerSecond', 0.1, about(50_000, 500_000)),
  one('store', 'memoryBytes', 0.05, about(1_000_000, 4_000_000)),
  one('store', 'heartbeatCheckMs', 0.2, about(50, 500)),
  one('store', 'regionHeartbeatMs', 0.2, about(500, 5_000)),
  one('store', 'storeHeartbeatMs', 0.2, about(300, 1_300)),
  one('store', 'staleLeaderMs', 0.2, about(3_000, 10_000)),
  one('store', 'requestTimeoutMs', 0.2, about(2_000, 15_000)),
  one('store', 'gcPollMs', 0.2, about(50, 1_000)),
  one('store', 'gcPagePauseMs', 0.2, between(0, 50)),
  // The scheduler.
  one('scheduler', 'storeDisconnectedMs', 0.2, about(4_000, 8_000)),
  one('scheduler', 'tsoSaveIntervalMs', 0.4, about(200, 3_000)),
  one('scheduler', 'patrolIntervalMs', 0.2, about(20, 500)),
  one('scheduler', 'scheduleIntervalMinMs', 0.2, about(10, 300)),
  one('scheduler', 'gcIntervalMs', 0.2, about(200, 5_000)),
  one('scheduler', 'leaderScheduleLimit', 0.1, between(1, 4)),
  one('scheduler', 'replicaScheduleLimit', 0.1, between(1, 8)),
  one('scheduler', 'pendingPeersMax', 0.1, between(2, 8)),
  // TinyKV has no learners.
  one('scheduler', 'learnersFirst', 0.15, () => false),
  // Gateways.
  group('gateway', 'epochs', 0.3, (rng) => {
    const epochRenewMs = about(200, 1_500)(rng);
    return { epochRenewMs, epochLeaseMs: epochRenewMs * rng.int(2, 5) };
  }),
  one('gateway', 'sweepMs', 0.3, about(50, 1_000)),
  one('gateway', 'gcDelayMs', 0.3, about(10_000, 60_000)),
  one('gateway', 'commandTimeoutMs', 0.3, about(400, 8_000)),
  one('gateway', 'txnAttemptsMax', 0.2, between(2, 16)),
  one('gateway', 'clientsBytesMax', 0.1, about(100_000, 1_000_000)),
  // Batches and pages.
  limit('entryCommandsMax', 1, 16),
  limit('entryBatchBytesMax', 4_200, 16_000),
  limit('applyBatchBytesMax', 500, 20_000),
  limit('entryCacheBytesMax', 200, 10_000),
  limit('scanPageKeys', 1, 32),
  limit('clientScanPageKeys', 300, 1_000),
  limit('clientScanPageBytes', 60, 4_000),
  limit('clientScanPagesAhead', 1, 6),
  limit('rangeStepKeys', 2, 64),
  limit('commandPartKeys', 1, 16),
  limit('gcPageRecords', 8, 64),
  limit('txnBatchBytesMax', 64, 2_000),
  limit('clientBatchGetKeysMax', 1, 8),
  limit('batchStreamItemsMax', 1, 16),
  limit('batchStreamMessageBytesMax', 200, 4_000),
  limit('snapshotChunkBytes', 200, 8_000),
  limit('gatewayStepKeys', 1, 16),
  limit('gatewayBatchCommandsMax', 1, 8),
  limit('gatewayTurnArgumentsMax', 4, 64),
  // Values on both sides of what is kept in one piece; transactions on both sides of each way to commit.
  limit('gatewayChunkBytes', 4, 64),
  limit('onePhaseBytesMax', 300, 2_000),
  limit('asyncCommitKeysMax', 1, 4),
  // Queues, and what is remembered.
  // More than are gathered into one entry.
  group('limits', 'pending commands', LOWERED, (rng) => ({
    entryCommandsMax: about(1, 16)(rng),
    regionPendingCommandsMax: about(20, 200)(rng),
  })),
  limit('peerInboxMessagesMax', 16, 256),
  limit('raftInflightMessagesMax', 1, 8),
  limit('raftWaitingMessagesMax', 1, 16),
  limit('snapshotWindowParts', 1, 4),
  group('limits', 'snapshots at once', LOWERED, () => ({
    snapshotsSendingMax: 1,
    snapshotsReceivingMax: 1,
  })),
  limit('lockWaitsMax', 1, 16),
  limit('unprovenReadSlots', 1, 64),
  limit('waitForEdgesMax', 2, 16),
  limit('deadlockWaitsMax', 1, 8),
  limit('clientRegionsMax', 1, 8),
  limit('clientResolvedTxnsMax', 1, 16),
  limit('clientPassedTxnsMax', 1, 8),
  limit('clientBackgroundTxnsMax', 1, 8),
  limit('clientParallelRequestsMax', 65, 128),
  limit('tsoInflightMax', 1, 4),
  limit('gatewaySessionInflightMax', 1, 4),
  limit('gatewayLatchedKeysMax', 1, 4),
  limit('gatewayWatchedKeysMax', 1, 4),
  // Clients. Few keys: everybody works on the same ones.
  one('pace', 'keys', 1, (rng) => (rng.float() < 0.15 ? 2 : rng.int(3, 12))),
  one('pace', 'skew', 0.3, (rng) => 1 + 3 * rng.float()),
  group('pace', 'thinkMs', 1, drawThink),
];

/** In these seeds all periods are those of production, however slow that makes the healing. */
const REAL_SHARE = 0.05;
const realPeriods: Settings = {
  replica: {
    electionTicks: 10,
    heartbeatTicks: 2,
    barrierBytes: 67_108_864,
    logGcIntervalMs: 10_000,
    logGcAgeMs: 60_000,
  },
  store: {
    splitCheckIntervalMs: 10_000,
    heartbeatCheckMs: 200,
    regionHeartbeatMs: 10_000,
    storeHeartbeatMs: 10_000,
    staleLeaderMs: 60_000,
    requestTimeoutMs: 15_000,
    gcPollMs: 10_000,
    gcPagePauseMs: 20,
  },
  scheduler: {
    storeDisconnectedMs: 20_000,
    tsoSaveIntervalMs: 3_000,
    patrolIntervalMs: 100,
    storeCheckIntervalMs: 3_000,
    scheduleIntervalMinMs: 10,
    scheduleIntervalMaxMs: 5_000,
    gcIntervalMs: 60_000,
  },
};

/** The draws of one seed; each line of the table has numbers of its own, so that a new line changes no other. */
export function drawKnobs(rng: Rng, drawnFor: About): Drawn {
  const values: { [T in Target]?: Partial<Targets[Target]> } = {};
  for (const { sets, name, share, draw } of knobs) {
    const own = rng.fork(`${sets} ${name}`);
    if (own.float() >= share) continue;
    values[sets] = { ...values[sets], ...draw(own, drawnFor) };
  }
  const { shape = {}, pace = {}, ...settings } = values as { [T in Target]?: Partial<Targets[T]> };
  const isReal = rng.fork('real periods').float() < REAL_SHARE;
  return { shape, pace, settings: isReal ? withReal(settings) : settings };
}

function withReal(settings: Settings): Settings {
  return {
    ...settings,
    replica: { ...settings.replica, ...realPeriods.replica },
    store: { ...settings.store, ...realPeriods.store },
    scheduler: { ...settings.scheduler, ...realPeriods.scheduler },
  };
}

/** In most seeds shorter than some transactions take; in some nothing is collected at all. */
function drawGcLife(rng: Rng): number {
  const kind = rng.float();
  if (kind < 0.2) return 0;
  return kind < 0.5 ? rng.int(100, 800) : rng.int(800, 8_000);
}

/** Some seeds are busy, a few of them without a pause, and most are not: those are run in less time. */
function drawThink(rng: Rng, { profile }: About): Partial<Pace> {
  if (profile !== 'swarm') return {};
  const kind = rng.float();
  if (kind < 0.02) return { thinkMs: 0 };
  if (kind < 0.1) return { thinkMs: 10 * rng.float() };
  return { thinkMs: 120 + rng.float() * rng.float() * 600 };
}
