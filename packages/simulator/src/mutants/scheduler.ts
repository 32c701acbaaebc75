import type { Mutant } from './mutant.js';

export const schedulerMutants: readonly Mutant[] = [
  {
    name: 'scheduler-tso-window-not-saved',
    edits: [
      {
        file: 'packages/scheduler/src/tso-server.ts',
        find: '    if (oracle === undefined || boundMs === undefined || this.#saving) return;',
        replace: `    if (oracle === undefined || boundMs === undefined || this.#saving) return;
    if (boundMs > 0) {
      oracle.onSaved(boundMs);
      return;
    }`,
      },
    ],
    breaks:
      'Timestamps are served without a bound in the replicated state: after a restart with a clock that is behind they repeat and go back, which their uniqueness and order show.',
    workload: 'txn',
  },
  {
    name: 'scheduler-tso-follows-wall-back',
    edits: [
      {
        file: 'packages/scheduler/src/tso.ts',
        find: '    if (nowMs - this.#physicalMs > 1) next = nowMs;',
        replace: `    if (wallMs < this.#physicalMs) next = wallMs;
    else if (nowMs - this.#physicalMs > 1) next = nowMs;`,
      },
    ],
    breaks:
      'Physical time follows a wall clock that jumps back: timestamps go back and repeat, which their uniqueness and order, and an assertion of the client, show.',
    workload: 'txn',
  },
  {
    name: 'scheduler-tso-logical-restarts',
    edits: [
      {
        file: 'packages/scheduler/src/tso.ts',
        find: '    this.#boundMs = Math.max(this.#boundMs, boundMs);',
        replace: `    this.#boundMs = Math.max(this.#boundMs, boundMs);
    this.#logical = 0;`,
      },
    ],
    breaks:
      'The logical part starts again when a bound is saved, in the middle of a millisecond: timestamps repeat.',
    workload: 'txn',
  },
  {
    name: 'scheduler-tso-ranges-overlap',
    edits: [
      {
        file: 'packages/scheduler/src/tso.ts',
        find: '    this.#logical += count;',
        replace: '    this.#logical += 1;',
      },
    ],
    breaks:
      'A request for many timestamps moves the counter by one: ranges that different clients got overlap.',
    workload: 'txn',
  },
  {
    name: 'scheduler-ids-not-saved',
    edits: [
      {
        file: 'packages/scheduler/src/id-alloc.ts',
        find: "    const outcome = await this.#group.propose({ type: 'reserve-ids', from, to });",
        replace: "    const outcome: string = 'done';",
      },
    ],
    breaks:
      'Windows of ids are not reserved in the replicated state: after a restart ids of stores, Regions and peers repeat, which the region map, assertions of stores or liveness show.',
    workload: 'churn',
  },
  {
    name: 'scheduler-split-ids-reused',
    edits: [
      {
        file: 'packages/scheduler/src/service/region-calls.ts',
        find: "/** Ids for a split's new Region and its peers. */",
        replace: `const given = new WeakMap<ServiceHost, Map<number, readonly number[]>>();

/** Ids for a split's new Region and its peers. */`,
      },
      {
        file: 'packages/scheduler/src/service/region-calls.ts',
        find: '  const [newRegionId, ...newPeerIds] = await host.ids.allocateMany(1 + region.peers.length);',
        replace: `  const former = given.get(host) ?? new Map<number, readonly number[]>();
  given.set(host, former);
  const ids = former.get(region.id) ?? (await host.ids.allocateMany(1 + region.peers.length));
  former.set(region.id, ids);
  const [newRegionId, ...newPeerIds] = ids;`,
      },
    ],
    breaks:
      'A Region that asks again gets the ids of its last split: two Regions of one id, which assertions of stores and the region map show.',
    workload: 'churn',
  },
  {
    name: 'scheduler-bootstrap-repeated',
    edits: [
      {
        file: 'packages/scheduler/src/service/cluster-calls.ts',
        find: `  if (host.group.state.cluster !== undefined) return alreadyBootstrapped();
  if (store === undefined)`,
        replace: '  if (store === undefined)',
      },
      {
        file: 'packages/scheduler/src/service/cluster-calls.ts',
        find: `  if (outcome === 'already-bootstrapped') return alreadyBootstrapped();
`,
        replace: '',
      },
    ],
    breaks:
      'Every store that asks may bootstrap: several first Regions hold all keys, which the region map, lost writes and liveness show.',
    workload: 'all',
  },
  {
    name: 'scheduler-learners-forgotten',
    edits: [
      {
        file: 'packages/scheduler/src/policy/replica-checker.ts',
        find: `    finishLearner(view, region, config) ??
`,
        replace: '',
      },
    ],
    breaks:
      'Nobody looks after a learner whose operator is gone: its Region never gets all its voters, which liveness after healing shows.',
    workload: 'churn',
  },
  {
    name: 'scheduler-peer-id-reused',
    edits: [
      {
        file: 'packages/scheduler/src/coordinator.ts',
        find: '    const peerId = ids.tryAllocate();',
        replace: "    const peerId = 'to' in plan ? plan.to : ids.tryAllocate();",
      },
    ],
    breaks:
      'A peer that comes back to a store comes with its old id: the tombstone there refuses it for good, which liveness after healing shows.',
    workload: 'churn',
  },
  {
    name: 'scheduler-tso-served-while-saved',
    edits: [
      {
        file: 'packages/scheduler/src/tso-server.ts',
        find: `    this.#saving = true;
    const finish`,
        replace: `    this.#saving = true;
    oracle.onSaved(boundMs);
    const finish`,
      },
    ],
    breaks:
      'The bound of timestamps is raised when its save begins: a crash forgets it, and a clock that went back gives them again.',
    workload: 'txn',
  },
  {
    name: 'scheduler-tso-starts-at-wall',
    edits: [
      {
        file: 'packages/scheduler/src/tso.ts',
        find: '    this.#physicalMs = Math.max(wallMs, savedBoundMs + 1);',
        replace: '    this.#physicalMs = wallMs;',
      },
      {
        file: 'packages/scheduler/src/tso.ts',
        find: '    this.#boundMs = savedBoundMs;',
        replace: '    this.#boundMs = Math.max(savedBoundMs, wallMs + 3_000);',
      },
    ],
    breaks:
      'A new leader starts at its wall clock, whatever bound is saved: where the clock is behind, timestamps go back.',
    workload: 'txn',
  },
  {
    name: 'scheduler-ids-past-window',
    edits: [
      {
        file: 'packages/scheduler/src/id-alloc.ts',
        find: '    this.#end = to;',
        replace: '    this.#end = to + WINDOW;',
      },
    ],
    breaks: 'Ids are given out past the window that is reserved: after a restart they repeat.',
    workload: 'churn',
  },
  {
    name: 'scheduler-ids-from-other-term',
    edits: [
      {
        file: 'packages/scheduler/src/id-alloc.ts',
        find: '    if (this.#term === this.#group.leaderTerm() && this.#last < this.#end) return;',
        replace: '    if (this.#term !== undefined && this.#last < this.#end) return;',
      },
    ],
    breaks:
      'A leader goes on with the window of an earlier leadership: another leader may have given the same ids.',
    workload: 'churn',
  },
  {
    name: 'scheduler-stale-region-taken',
    edits: [
      {
        file: 'packages/scheduler/src/cluster.ts',
        find: '      if (isEpochStale(region.region.epoch, rival.region.epoch)) {',
        replace:
          '      if (region.region.epoch.version < 0 && isEpochStale(region.region.epoch, rival.region.epoch)) {',
      },
    ],
    breaks:
      'A report with an older epoch replaces what is known of a Region: clients are led to peers that are gone, and operators act on them.',
    workload: 'churn',
  },
  {
    name: 'scheduler-store-id-shared',
    edits: [
      {
        file: 'packages/scheduler/src/store-starts.ts',
        find: "    return heardAt > asked.at ? 'taken' : 'perhaps-taken';",
        replace: "    return 'free';",
      },
    ],
    breaks:
      'A second process is let in under the id of a store that is alive: both answer for its peers.',
    workload: 'churn',
  },
  {
    name: 'scheduler-gc-by-a-wall-clock-that-lags',
    edits: [
      {
        file: 'packages/scheduler/src/scheduler-now.ts',
        find: '  return Math.min(Math.max(clock.wall(), tsoBoundMs - tsoSaveIntervalMs), tsoBoundMs);',
        replace: '  return Math.min(clock.wall(), tsoBoundMs + 0 * tsoSaveIntervalMs);',
      },
    ],
    breaks:
      'The safe point stands still while the wall clock lags behind timestamps: the locks of clients that died stay.',
    workload: 'all',
  },
  {
    name: 'scheduler-drained-store-kept',
    edits: [
      {
        file: 'packages/scheduler/src/policy/replica-checker.ts',
        find: "  if (store === undefined || store.state !== 'up' || isDown(store, config)) return true;",
        replace: '  if (store === undefined || isDown(store, config)) return true;',
      },
    ],
    breaks:
      'Peers of a store that is being drained are not replaced: it is never empty, which liveness after healing shows.',
    workload: 'churn',
  },
];
