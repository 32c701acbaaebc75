import type { Mutant } from './mutant.js';

export const txnMutants1: readonly Mutant[] = [
  {
    name: 'txn-without-latches',
    edits: [
      {
        file: 'packages/txn/src/latched-commands.ts',
        find: '    const latch = this.#latches.acquire(keys.map(keyString), ',
        replace: '    const latch = this.#latches.acquire([], ',
      },
    ],
    breaks:
      'Two commands decide on the same key at once, each without the other’s lock: one of two transactions loses a part of its writes, which lists and bank totals show.',
    workload: 'txn',
  },
  {
    name: 'txn-late-prewrite-accepted',
    edits: [
      {
        file: 'packages/txn/src/mvcc/prewrite.ts',
        find: '  const conflictTs = newestTs(newest);',
        replace: '  const conflictTs = newest?.write?.commitTs ?? TS_ZERO;',
      },
    ],
    breaks:
      'A prewrite does not look for the rollback of its own transaction: one that was declared dead commits a part of its keys, which lists and bank totals show.',
    workload: 'txn',
  },
  {
    name: 'txn-newest-commit-ignored',
    edits: [
      {
        file: 'packages/txn/src/mvcc/prewrite.ts',
        find: '  const conflictTs = newestTs(newest);',
        replace: '  const conflictTs = newest?.otherTs ?? TS_ZERO;',
      },
    ],
    breaks:
      'A prewrite does not see that the key was committed after its start: lost updates, cycles with one anti-dependency in the lists.',
    workload: 'txn',
  },
  {
    name: 'txn-foreign-lock-replaced',
    edits: [
      {
        file: 'packages/txn/src/mvcc/prewrite.ts',
        find: '  return lock === undefined ? undefined : lockedError(key, lock);',
        replace: '  return undefined;',
      },
    ],
    breaks:
      'A prewrite takes the place of another transaction’s lock: that one commits without this key, which lists and bank totals show.',
    workload: 'txn',
  },
  {
    name: 'txn-read-ignores-locks',
    edits: [
      {
        file: 'packages/txn/src/mvcc/read.ts',
        find: '  if (lock.startTs > ts) return false;',
        replace: '  if (lock.startTs >= 0n) return false;',
      },
    ],
    breaks:
      'A read passes by a lock that may become a commit below its timestamp: it sees a part of a transaction, which bank totals and lists show.',
    workload: 'txn',
  },
  {
    name: 'txn-foreign-lock-resolved',
    edits: [
      {
        file: 'packages/txn/src/mvcc/resolve.ts',
        find: '        if (decodeLockAt(key, entry).startTs === startTs) keys.push(key);',
        replace: '        if (startTs > 0n) keys.push(key);',
      },
      {
        file: 'packages/txn/src/mvcc/resolve.ts',
        find: "import { commit } from './commit.js';",
        replace: "import { commit, commitKey } from './commit.js';",
      },
      {
        file: 'packages/txn/src/mvcc/resolve.ts',
        find: "import type { Decision } from './decision.js';",
        replace: "import { type Decision, decideAll } from './decision.js';",
      },
      {
        file: 'packages/txn/src/mvcc/resolve.ts',
        find: '  const locked = facts.filter((fact) => fact.lock?.startTs === startTs);',
        replace: `  if (commitTs !== 0n) {
    return decideAll(facts, (fact) =>
      commitKey(fact, { startTs: fact.lock?.startTs ?? startTs, commitTs, strict: false }),
    );
  }
  const locked = facts.filter((fact) => fact.lock?.startTs === startTs);`,
      },
    ],
    breaks:
      'A client that rolls a transaction forward commits all locks of the Region with it, whosever they are: values of transactions that are under way become visible, which bank totals and lists show.',
    workload: 'txn',
  },
  {
    name: 'txn-old-version-dropped',
    edits: [
      {
        file: 'packages/txn/src/mvcc/commit.ts',
        find: '    return ok(commitLock(key, lock, lock.kind, newest, txn.commitTs));',
        replace: `    const modify = commitLock(key, lock, lock.kind, newest, txn.commitTs);
    return ok({ ...modify, history: undefined });`,
      },
    ],
    breaks:
      'A commit drops the version that it displaces: older snapshots miss the key, which bank totals and lists show.',
    workload: 'txn',
  },
  {
    name: 'txn-commit-without-lock',
    edits: [
      {
        file: 'packages/txn/src/mvcc/commit.ts',
        find: `  if (outcome.type === 'commit') {
    const { commitTs } = outcome.write;`,
        replace: `  if (lock?.startTs !== txn.startTs) return NOTHING;
  if (outcome.type === 'commit') {
    const { commitTs } = outcome.write;`,
      },
    ],
    breaks:
      'A commit whose lock is gone is answered with success: transactions that others rolled back after their time to live count as committed, which lists show.',
    workload: 'txn',
  },
  {
    name: 'txn-check-without-rollback',
    edits: [
      {
        file: 'packages/txn/src/mvcc/check-txn.ts',
        find: `        modifies: [rollbackModify(facts, startTs)],
        answer: { ...ROLLED_BACK, action: 'lock-not-exist-rollback' },`,
        replace: `        modifies: [],
        answer: { ...ROLLED_BACK, action: 'lock-not-exist-rollback' },`,
      },
    ],
    breaks:
      'A client that finds no trace of a transaction at its primary leaves no rollback there: its prewrite arrives later, and it commits without the keys that were rolled back meanwhile.',
    workload: 'txn',
  },
  {
    name: 'txn-early-commit-ts',
    edits: [
      {
        file: 'packages/client/src/two-phase.ts',
        find: '      if (this.#prewriter.mayCommit) this.#decide();',
        replace: `      const early = await timestamp();
      if (this.#prewriter.mayCommit) this.#decide();`,
      },
      {
        file: 'packages/client/src/two-phase.ts',
        find: `        commitTs = await timestamp();
        this.#decide();`,
        replace: `        commitTs = early;
        this.#decide();`,
      },
    ],
    breaks:
      'The commit timestamp is fetched before all keys are locked: readers between the two miss a commit below their snapshot, which bank totals and lists show.',
    workload: 'txn',
  },
  {
    name: 'txn-primary-committed-last',
    edits: [
      {
        file: 'packages/client/src/two-phase.ts',
        find: '        [commitTs, rest] = await this.#commitPrimary(commitTs);',
        replace: `        const others = this.#input.mutations.slice(1).map(({ key }) => key);
        await this.#commitRest(others, commitTs);
        [commitTs, rest] = await this.#commitPrimary(commitTs);`,
      },
    ],
    breaks:
      'Other keys are committed before the primary, which may still be rolled back when its Region is away for longer than its time to live: half a transaction, which bank totals show.',
    workload: 'txn',
  },
  {
    name: 'txn-secondary-rolled-forward',
    edits: [
      {
        file: 'packages/client/src/primaries.ts',
        find: `      return { type: 'rolled-back' };
    }`,
        replace: `      return { type: 'committed', commitTs: currentTs };
    }`,
      },
    ],
    breaks:
      'A primary without a lock is taken for committed: secondaries of transactions that were rolled back come to life, which lists, bank totals and an assertion of the client show.',
    workload: 'txn',
  },
  {
    name: 'txn-commit-below-reads',
    edits: [
      {
        file: 'packages/txn/src/prewrite-commands.ts',
        find: '    return this.#concurrency.lockKeys(keys, lowest);',
        replace: `    const { release } = this.#concurrency.lockKeys(keys, lowest);
    return { commitTs: lowest, unprovenTs: TS_ZERO, raise: () => undefined, release };`,
      },
    ],
    breaks:
      'A store chooses commit timestamps without regard to the reads that it has served: a snapshot that was read changes, which the versions that reads have seen show.',
    workload: 'txn',
  },
  {
    name: 'txn-secondaries-not-checked',
    edits: [
      {
        file: 'packages/client/src/primaries.ts',
        find: '    const found = await this.#secondaryLocks(lock, operation);',
        replace: '    const found: SecondaryLocks[] = [];',
      },
    ],
    breaks:
      'An expired asynchronous commit is taken for committed though not all its keys are locked: half a transaction, which sums and lists show.',
    workload: 'txn',
  },
  {
    name: 'txn-locked-read-of-snapshot',
    edits: [
      {
        file: 'packages/client/src/txn.ts',
        find: '    const view = new TxnView(this.#buffer, this.#locks?.held);',
        replace: '    const view = new TxnView(this.#buffer, undefined);',
      },
    ],
    breaks:
      'A transaction reads a key that it has locked as it was at its start: what was committed between that and the lock it overwrites unseen, which lists and bank totals show.',
    workload: 'txn',
  },
  {
    name: 'txn-lost-lock-unnoticed',
    edits: [
      {
        file: 'packages/txn/src/mvcc/pessimistic.ts',
        find: '  const isLost = isGone || isAnother;',
        replace: '  const isLost = isGone && isAnother && startTs === 0n;',
      },
    ],
    breaks:
      'A prewrite takes its pessimistic lock for granted: where it expired or was never kept, others have written meanwhile, and their updates are lost, which lists and bank totals show.',
    workload: 'txn',
  },
  {
    name: 'txn-batch-get-reads-newest',
    edits: [
      {
        file: 'packages/client/src/txn-reads.ts',
        find: '        this.#snapshot.batchGet(missing, operation),',
        replace: `        new Snapshot(this.#context.router, this.#context.resolver, (1n << 64n) - 1n).batchGet(
          missing,
          operation,
        ),`,
      },
    ],
    breaks:
      'The keys of one batch are read at different moments: bank totals do not add up, and pairs of Redis keys differ.',
    workload: 'txn',
  },
  {
    name: 'txn-gc-visible-version-dropped',
    edits: [
      {
        file: 'packages/txn/src/mvcc/gc.ts',
        find: '  let seen = newest?.write !== undefined && newest.write.commitTs <= safePoint;',
        replace: '  let seen: boolean = true;',
      },
    ],
    breaks:
      'The collection takes the version that reads at the safe point see, once a newer one has displaced it: a slow reader above the safe point misses it, which sums show.',
    workload: 'txn',
  },
  {
    name: 'txn-read-below-safe-point',
    edits: [
      {
        file: 'packages/txn/src/region-read.ts',
        find: '  if (ts >= safePoint) return undefined;',
        replace: '  if (ts >= 0n) return undefined;',
      },
    ],
    breaks:
      'A read below the safe point is served from what the collection has left: versions are missing, which sums show.',
    workload: 'txn',
  },
];
