import type { Mutant } from './mutant.js';

export const txnMutants2: readonly Mutant[] = [
  {
    name: 'txn-gc-lock-hides-put',
    edits: [
      {
        file: 'packages/txn/src/mvcc/gc.ts',
        find: "    if (write.kind !== 'lock' && !seen) {",
        replace: '    if (!seen) {',
      },
    ],
    breaks:
      'The collection takes a Lock record for the version that reads at the safe point see: the Put below it is collected, which sums show.',
    workload: 'txn',
  },
  {
    name: 'txn-gc-without-resolving',
    edits: [
      {
        file: 'packages/txn/src/gc-commands.ts',
        find: '    if (safePoint > this.#resolved) this.#resolved = await this.#resolvedUpTo();',
        replace: '    if (safePoint > this.#resolved) this.#resolved = safePoint;',
      },
    ],
    breaks:
      'Versions are collected while transactions from before the safe point still have locks: their outcome is gone, so a committed one is rolled back.',
    workload: 'txn',
  },
  {
    name: 'txn-settle-without-proof',
    edits: [
      {
        file: 'packages/txn/src/latched-commands.ts',
        find: `    const later = await this.access.acquireRead(context, keys);
    if (!later.ok) return later;
    return later.value.term === view.term ? ok(decision.answer) : err({ type: 'stale-command' });`,
        replace: '    return ok(decision.answer);',
      },
    ],
    breaks:
      'An answer without a proposal needs no proof of leadership: a deposed leader says that a transaction has no locks, or is rolled back.',
    workload: 'txn',
  },
  {
    name: 'txn-max-ts-not-synced',
    edits: [
      {
        file: 'packages/txn/src/max-ts-sync.ts',
        find: '    const sync: Sync = { term, isDone: false };',
        replace: '    const sync: Sync = { term, isDone: true };',
      },
      {
        file: 'packages/txn/src/max-ts-sync.ts',
        find: `    this.#syncs.set(region.id, sync);
    void`,
        replace: `    this.#syncs.set(region.id, sync);
    if (sync.isDone) return true;
    void`,
      },
    ],
    breaks:
      'A new leader chooses commit timestamps without one from the scheduler: they may lie below reads that its predecessor has served, so snapshots change.',
    workload: 'txn',
  },
  {
    name: 'txn-unlock-takes-prewritten',
    edits: [
      {
        file: 'packages/txn/src/mvcc/pessimistic.ts',
        find: '    .filter(({ lock }) => isOwnPessimistic(lock, startTs) && lock.forUpdateTs <= forUpdateTs)',
        replace:
          '    .filter(({ lock }) => lock?.startTs === startTs && lock.forUpdateTs <= forUpdateTs)',
      },
    ],
    breaks:
      'A pessimistic rollback that comes late takes a lock away that was prewritten since: half of a transaction is committed.',
    workload: 'txn',
  },
  {
    name: 'txn-unproven-reads-ignored',
    edits: [
      {
        file: 'packages/txn/src/concurrency.ts',
        find: '      unprovenTs: this.#unproven.highest(keys),',
        replace: '      unprovenTs: TS_ZERO,',
      },
    ],
    breaks:
      'A commit timestamp is chosen without regard to reads at timestamps that may have been granted: a snapshot changes after it was read.',
    workload: 'txn',
  },
  {
    name: 'txn-memory-locks-unseen',
    edits: [
      {
        file: 'packages/txn/src/concurrency.ts',
        find: '    return lock !== undefined && blocks(lock, ts) ? lock : undefined;',
        replace: '    return lock !== undefined && ts < TS_ZERO ? lock : undefined;',
      },
    ],
    breaks:
      'A read passes by a key that is being committed in one phase: the commit lies below the read and shows later.',
    workload: 'txn',
  },
  {
    name: 'txn-replay-decides-again',
    edits: [
      {
        file: 'packages/txn/src/prewrite-commands.ts',
        find: `          return former === undefined
`,
        replace: `          return former === undefined || former !== undefined
`,
      },
    ],
    breaks:
      'A copy of a prewrite that committed is decided again: the transaction conflicts with itself, or commits twice.',
    workload: 'txn',
  },
  {
    name: 'txn-late-lock-taken',
    edits: [
      {
        file: 'packages/txn/src/mvcc/pessimistic.ts',
        find: '  const isLost = isGone || isAnother;',
        replace: '  const isLost = isGone;',
      },
    ],
    breaks:
      'A prewrite takes a pessimistic lock for its own that a late request has taken after others had written: their updates are lost.',
    workload: 'txn',
  },
  {
    name: 'txn-secondary-leaves-no-record',
    edits: [
      {
        file: 'packages/txn/src/mvcc/async-commit.ts',
        find: "      const modifies = outcome.type === 'rollback' ? [] : [rollbackModify(fact, startTs)];",
        replace:
          "      const modifies = outcome.type === 'rollback' || fact.key.length > 0 ? [] : [rollbackModify(fact, startTs)];",
      },
    ],
    breaks:
      'A key of an asynchronous commit that is not prewritten gets no rollback record: its late prewrite is taken, and the transaction counts as committed for some.',
    workload: 'txn',
  },
  {
    name: 'txn-reverse-scan-merges-upwards',
    edits: [
      {
        file: 'packages/txn/src/mvcc/scan.ts',
        find: '    this.#direction = reverse ? -1 : 1;',
        replace: '    this.#direction = reverse ? 1 : 1;',
      },
    ],
    breaks:
      'A scan downwards meets locks and records in the wrong order: it gives keys twice or out of order where there are locks.',
    workload: 'txn',
  },
  {
    name: 'txn-raw-put-beside-swap',
    edits: [
      {
        file: 'packages/txn/src/raw.ts',
        find: `    const name = turnName(cf, key);
    const modify = modifyOf(cf, key, value, expiresAt);`,
        replace: `    const name = \`put \${turnName(cf, key)}\`;
    const modify = modifyOf(cf, key, value, expiresAt);`,
      },
    ],
    breaks:
      'A put runs beside a compare-and-swap of its key: the swap replaces a value that it has not compared, which linearizability shows.',
    workload: 'raw',
  },
  {
    name: 'txn-raw-swap-refused-unproven',
    edits: [
      {
        file: 'packages/txn/src/raw.ts',
        find: '        : await this.#prove(context, key, view);',
        replace:
          '        : ok(key.length > 0 ? undefined : void (await this.#prove(context, key, view)));',
      },
    ],
    breaks:
      'A compare-and-swap that is refused needs no proof of leadership: a deposed leader answers from an old value, which linearizability shows.',
    workload: 'raw',
  },
  {
    name: 'txn-raw-ttl-forgotten',
    edits: [
      {
        file: 'packages/txn/src/raw.ts',
        find: "  return { type: 'raw-put-expiring', cf, key, value, expiresAt };",
        replace: "  return { type: 'raw-put', cf, key, value };",
      },
    ],
    breaks: 'A raw key with a time to live is put without one: it is seen long after its time.',
    workload: 'raw',
  },
  {
    name: 'txn-raw-expiry-takes-newer-put',
    edits: [
      {
        file: 'packages/txn/src/raw-expiry.ts',
        find: "  return { type: 'raw-expire', cf, key, dropValue: false };",
        replace: "  return { type: 'raw-expire', cf, key, dropValue: true };",
      },
    ],
    breaks:
      'The collection goes by the record of an expiry and not by the value: a newer put without a time to live goes with it.',
    workload: 'raw',
  },
];
