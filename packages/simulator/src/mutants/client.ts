import type { Mutant } from './mutant.js';

export const clientMutants: readonly Mutant[] = [
  {
    name: 'client-put-sent-again',
    edits: [
      {
        file: 'packages/client/src/failure-handler.ts',
        find: `        if (operation.effect === 'once') throw undetermined(error);
`,
        replace: '',
      },
    ],
    breaks:
      'A put whose outcome is unknown is sent again: it takes effect twice, and may undo what another client has written in between.',
    workload: 'raw',
  },
  {
    name: 'client-unknown-commit-rolled-back',
    edits: [
      {
        file: 'packages/client/src/two-phase.ts',
        find: '      if (!(error instanceof UndeterminedError) && !(error instanceof InvariantError)) {',
        replace: '      if (!(error instanceof InvariantError)) {',
      },
    ],
    breaks:
      'A client cleans up after a commit whose outcome it does not know: the rollback meets locks of a transaction that is committed.',
    workload: 'txn',
  },
  {
    name: 'client-missing-primary-rolled-back',
    edits: [
      {
        file: 'packages/client/src/primaries.ts',
        find: '        leaveMissingPrimary: metMs > 0,',
        replace: '        leaveMissingPrimary: false,',
      },
    ],
    breaks:
      'A client that meets a lock whose primary is still on its way rolls the living transaction back: transactions fail that nobody disturbed.',
    workload: 'txn',
  },
  {
    name: 'client-unknown-is-failure',
    edits: [
      {
        file: 'packages/client/src/give-up.ts',
        find: '    const giveUp = (why: KvError): void => reject(commit.giveUp() ? why : undetermined(why));',
        replace: `    const giveUp = (why: KvError): void => {
      commit.giveUp();
      reject(why);
    };`,
      },
    ],
    breaks:
      'A commit that ran out of time while it was being decided is reported as failed: its writes show later.',
    workload: 'txn',
  },
  {
    name: 'client-timestamps-overlap',
    edits: [
      {
        file: 'packages/client/src/tso-stream.ts',
        find: `      count += waiter.count;
      length++;`,
        replace: `      count = Math.max(count, waiter.count);
      length++;`,
      },
    ],
    breaks:
      'Requests for timestamps that share one message get the same ones: two transactions have one timestamp.',
    workload: 'txn',
  },
  {
    name: 'client-lock-keys-forgotten',
    edits: [
      {
        file: 'packages/client/src/txn.ts',
        find: '    const mutations = locks?.addTo(writes) ?? writes;',
        replace:
          '    const mutations = this.#isPessimistic ? (locks?.addTo(writes) ?? writes) : writes;',
      },
    ],
    breaks:
      'An optimistic transaction forgets the keys that it was to lock: two that each delete what the other has seen both commit.',
    workload: 'txn',
  },
  {
    name: 'client-savepoint-ignored',
    edits: [
      {
        file: 'packages/client/src/txn.ts',
        find: '    this.#buffer.rollbackTo(savepoint);',
        replace: '    if (savepoint === undefined) this.#buffer.rollbackTo(savepoint);',
      },
    ],
    breaks: 'Writes since a savepoint are committed although they were taken back.',
    workload: 'txn',
  },
  {
    name: 'client-scan-skips-changed-region',
    edits: [
      {
        file: 'packages/client/src/range-scan.ts',
        find: `        const page = await this.#fetch(region, rest, most, operation);
        if (page !== undefined) return this.#advance(rest, region, page);`,
        replace: `        const fetched = await this.#fetch(region, rest, most, operation);
        const page = fetched ?? { pairs: [], last: undefined };
        return this.#advance(rest, region, page);`,
      },
    ],
    breaks:
      'A scan takes a Region that has changed meanwhile for an empty one: keys are missing, which linearizability and snapshots show.',
    workload: 'raw',
  },
  {
    name: 'client-newest-read-shares-answer',
    edits: [
      {
        file: 'packages/client/src/lock-resolver.ts',
        find: `    if (callerStartTs === TS_MAX) return this.#ask(name, met, operation, callerStartTs);
`,
        replace: '',
      },
    ],
    breaks:
      'A read of the newest commit shares the answer about a lock with one that asked before: what has been decided since it takes for undecided, so reads are stale.',
    workload: 'redis',
  },
];
