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
        replace: `  const known = given.get(host) ?? new Map<number, readonly number[]>();
  given.set(host, known);
  const ids = known.get(region.id) ?? (await host.ids.allocateMany(1 + region.peers.length));
  known.set(region.id, ids);
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
];
