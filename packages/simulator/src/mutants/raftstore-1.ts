import type { Mutant } from './mutant.js';

export const raftstoreMutants1: readonly Mutant[] = [
  {
    name: 'raftstore-epoch-unchecked-at-apply',
    edits: [
      {
        file: 'packages/raftstore/src/apply.ts',
        find: `  if (payload.version !== peer.region.epoch.version) {
    return { ok: false, error: { type: 'epoch-not-match', currentRegions: [peer.region] } };
  }
`,
        replace: '',
      },
    ],
    breaks:
      'An entry that was decided before a split is applied after it: a write of the parent lands in the range of the child, past its log, so replicas diverge or the write is lost.',
    workload: 'churn',
  },
  {
    name: 'raftstore-index-not-atomic',
    edits: [
      {
        file: 'packages/raftstore/src/apply.ts',
        find: `  const batch = engine.batch();
  const answers: Answer[] = [];`,
        replace: `  const batch = engine.batch();
  const indexes = engine.batch();
  const answers: Answer[] = [];`,
      },
      {
        file: 'packages/raftstore/src/apply.ts',
        find: '    batch.put(applyStateKey(group.id), encodeApplyState({ index, term }));',
        replace: '    indexes.put(applyStateKey(group.id), encodeApplyState({ index, term }));',
      },
      {
        file: 'packages/raftstore/src/apply.ts',
        find: '  await engine.write(batch, { sync: false });',
        replace: `  await engine.write(indexes, { sync: false });
  await engine.write(batch, { sync: false });`,
      },
    ],
    breaks:
      'The applied index is written ahead of the data: a snapshot taken in between lacks what its index stands for, which the comparison of replicas shows.',
    workload: 'churn',
  },
  {
    name: 'raftstore-recovery-trusts-engine',
    edits: [
      {
        file: 'packages/raftstore/src/recovery.ts',
        find: '  const start = recoveredState(group, state.appliedIndex);',
        replace: `  const known = host.engine.get(applyStateKey(region.id));
  const inEngine = known === undefined ? 0 : decodeApplyState(known).index;
  const start = recoveredState(group, Math.max(state.appliedIndex, inEngine));`,
      },
    ],
    breaks:
      'Recovery replays from the index in the engine, which promises no surviving prefix: what a crash took away stays lost, which the comparison of replicas shows.',
    workload: 'all',
  },
  {
    name: 'raftstore-barrier-skipped',
    edits: [
      {
        file: 'packages/raftstore/src/admin.ts',
        find: `    await engine.barrier();
    env.faults.hit('admin-before-write');`,
        replace: "    env.faults.hit('admin-before-write');",
      },
      {
        file: 'packages/raftstore/src/admin.ts',
        find: `    await engine.write(batch, { sync: true });
    env.faults.hit('admin-after-write');`,
        replace: `    await engine.write(batch, { sync: false });
    env.faults.hit('admin-after-write');`,
      },
    ],
    breaks:
      'Splits and changes of peers are written without barriers: after a crash their record speaks of data that is lost, or is lost itself, so replicas diverge or a child is gone.',
    workload: 'churn',
  },
  {
    name: 'raftstore-split-not-atomic',
    edits: [
      {
        file: 'packages/raftstore/src/admin.ts',
        find: `    const batch = engine.batch();
    for (const other of others) putInitialState(batch, other, registry.storeId);`,
        replace: `    let batch = engine.batch();
    for (const other of others) putInitialState(batch, other, registry.storeId);
    await engine.write(batch, { sync: false });
    batch = engine.batch();`,
      },
    ],
    breaks:
      'The children of a split become durable before the parent shrinks: a crash in between leaves Regions that overlap, which assertions of recovery show.',
    workload: 'churn',
  },
  {
    name: 'raftstore-snapshot-without-wipe',
    edits: [
      {
        file: 'packages/raftstore/src/snapshots.ts',
        find: '    const wipe: KeyRange[] = former === undefined ? [region.range] : [former, region.range];',
        replace: '    const wipe: KeyRange[] = [];',
      },
    ],
    breaks:
      'A snapshot is written over the old data: what was deleted since comes back on this replica, which the comparison of replicas shows.',
    workload: 'churn',
  },
  {
    name: 'raftstore-request-range-unchecked',
    edits: [
      {
        file: 'packages/raftstore/src/access.ts',
        find: `    return checkContext(this.#directory, context, keys);
  }`,
        replace: `    const known = this.#directory.peers.get(context.regionId);
    if (known === undefined) return checkContext(this.#directory, context, keys);
    return checkContext(this.#directory, { ...context, epoch: known.region.epoch }, []);
  }`,
      },
    ],
    breaks:
      'Requests are served whatever epoch and keys they name: clients go on at the parent with keys of the child, so reads are stale and replicas diverge.',
    workload: 'churn',
  },
  {
    name: 'raftstore-follower-reads-at-once',
    edits: [
      {
        file: 'packages/raftstore/src/access.ts',
        find: `    if (!checked.ok) return checked;
    const peer = checked.value;
    if (peer.group.leaseValid()) {`,
        replace: `    if (!checked.ok) {
      const follower = this.#directory.peers.get(context.regionId);
      if (checked.error.type !== 'not-leader' || follower === undefined) return checked;
      return ok(this.#view(follower, 'none'));
    }
    const peer = checked.value;
    if (peer.group.leaseValid()) {`,
      },
      {
        file: 'packages/raftstore/src/access.ts',
        find: "type Proof = 'lease' | 'term';",
        replace: "type Proof = 'lease' | 'term' | 'none';",
      },
      {
        file: 'packages/raftstore/src/access.ts',
        find: '    if (!peer.isLeader || peer.group.node.term !== this.term) {',
        replace:
          "    if (this.#proof !== 'none' && (!peer.isLeader || peer.group.node.term !== this.term)) {",
      },
    ],
    breaks:
      'A follower serves reads from what it has applied: clients that have not noticed a change of leader read stale values, which linearizability shows.',
    workload: 'raw',
  },
  {
    name: 'raftstore-occupied-range-taken',
    edits: [
      {
        file: 'packages/raftstore/src/registry.ts',
        find: '    if (this.ranges.overlapping(range).some((region) => region.id !== exceptRegion)) return true;',
        replace: '    if (exceptRegion > 0) return false;',
      },
    ],
    breaks:
      'A store that has not applied a split yet takes in a peer of the child: two Regions overlap on it, which assertions or the comparison of replicas show.',
    workload: 'churn',
  },
  {
    name: 'raftstore-answer-before-apply',
    edits: [
      {
        file: 'packages/raftstore/src/apply.ts',
        find: `  await engine.write(batch, { sync: false });
  env.faults.hit('apply-before-answers');
  for (const { waiter, result } of answers) waiter.done(result);`,
        replace: `  const written = engine.write(batch, { sync: false });
  for (const { waiter, result } of answers) waiter.done(result);
  await written;`,
      },
    ],
    breaks:
      'Writes are answered and their latches released before the batch is readable: the next read misses them and the next transaction decides without them.',
    workload: 'all',
  },
  {
    name: 'raftstore-replaced-proposal-succeeds',
    edits: [
      {
        file: 'packages/replica/src/proposals.ts',
        find: '      if (first.index === index && first.term === term) return first.waiters;',
        replace: '      if (first.index === index) return first.waiters;',
      },
      {
        file: 'packages/raftstore/src/peer.ts',
        find: '    this.#proposals.release(this.isLeader ? term : undefined, committed);',
        replace: '',
      },
    ],
    breaks:
      'A proposal that waits for an index is told of success though an entry of another leader stands there: an acknowledged write never happened.',
    workload: 'raw',
  },
  {
    name: 'raftstore-snapshot-drops-safe-point',
    edits: [
      {
        file: 'packages/raftstore/src/snapshots.ts',
        find: `    safePoint.collect(decodeSnapshotSafePoint(snapshot.data), batch);
`,
        replace: '',
      },
    ],
    breaks:
      'A store that installs a snapshot does not take its safe point over: it serves reads below it from what is left, so versions are missing, which sums show.',
    workload: 'txn',
  },
  {
    name: 'raftstore-snapshot-wipes-new-range',
    edits: [
      {
        file: 'packages/raftstore/src/snapshots.ts',
        find: '    const wipe: KeyRange[] = former === undefined ? [region.range] : [former, region.range];',
        replace: '    const wipe: KeyRange[] = [region.range];',
      },
    ],
    breaks:
      'A snapshot wipes its own range alone: what the peer held beyond it stays on the store, and comes back with the next Region of that range.',
    workload: 'churn',
  },
  {
    name: 'raftstore-recovery-wipes-new-range',
    edits: [
      {
        file: 'packages/raftstore/src/recovery.ts',
        find: '  const wipe = otherRange === undefined ? [region.range] : [otherRange, region.range];',
        replace: '  const wipe = [region.range];',
      },
    ],
    breaks:
      'A snapshot that goes on after a crash wipes its own range alone: what the peer held beyond it stays on the store.',
    workload: 'churn',
  },
  {
    name: 'raftstore-waiters-kept',
    edits: [
      {
        file: 'packages/raftstore/src/machine.ts',
        find: `    peer.releaseWaiters();
    this.#host.roleChanged(peer);`,
        replace: '    this.#host.roleChanged(peer);',
      },
    ],
    breaks:
      'Proposals of a lost leadership wait for entries that may never come: clients are never answered, or are answered for another entry.',
    workload: 'raw',
  },
  {
    name: 'raftstore-orphan-promise-forgotten',
    edits: [
      {
        file: 'packages/raftstore/src/lifecycle.ts',
        find: '    return this.add(meta, region, start, orphan !== undefined, early?.group.promisedUntil);',
        replace: '    return this.add(meta, region, start, false);',
      },
    ],
    breaks:
      'The child of a split forgets the promise of the log that a message had made before a restart: it votes under a lease.',
    workload: 'churn',
  },
  {
    name: 'raftstore-child-forgets-vote',
    edits: [
      {
        file: 'packages/raftstore/src/lifecycle.ts',
        find: `      if (term >= INITIAL_TERM) hardState = { term, vote, commit: INITIAL_INDEX };
`,
        replace: '',
      },
    ],
    breaks:
      'The child of a split forgets the vote that its peer gave before the split was applied here: it votes twice in one term.',
    workload: 'churn',
  },
];
