// biome-ignore-all lint/suspicious/noTemplateCurlyInString: source text of the product is quoted.
import type { Mutant } from './mutant.js';

const PURE = 'packages/txn/src/mvcc/one-key.ts';
const COMMANDS = 'packages/txn/src/one-key-commands.ts';
const GATE = 'packages/txn/src/one-phase-gate.ts';

/** The rules of writes of one key. */
export const oneKeyMutants: readonly Mutant[] = [
  {
    name: 'txn-one-key-condition-not-asked',
    edits: [
      {
        file: PURE,
        find: '    if (refusal !== undefined) return () => refusal;',
        replace: '    if (refusal !== undefined && write.ts < 0n) return () => refusal;',
      },
    ],
    breaks:
      'A write happens whatever is there: increments of two gateways are lost, and a plain value takes the place of a large object whose elements stay.',
    workload: 'redis',
  },
  {
    name: 'txn-one-key-version-compared-loosely',
    edits: [
      {
        file: PURE,
        find: '      return version === condition.version;',
        replace: '      return version >= condition.version;',
      },
    ],
    breaks: 'A write goes on over a version that came after the one that it was computed from.',
    workload: 'redis',
  },
  {
    name: 'txn-one-key-without-its-own-timestamp',
    edits: [
      {
        file: PURE,
        find: '    this.#lowest = maxTimestamp(this.#lowest, startTs + 1n);',
        replace: '    if (startTs < 0n) this.#lowest = maxTimestamp(this.#lowest, startTs + 1n);',
      },
      {
        file: PURE,
        find: '      assert(commitTs > startTs, () => `commit_ts ${commitTs} is not after start_ts ${startTs}`);',
        replace: '',
      },
    ],
    breaks:
      'A write is placed below what was acknowledged at another store before it was asked for: a snapshot sees the later one without the earlier.',
    workload: 'redis',
  },
  {
    name: 'txn-one-key-over-the-newest-version',
    edits: [
      {
        file: PURE,
        find: '    this.#lowest = maxTimestamp(this.#lowest, newestTs(facts.newest) + 1n);',
        replace: '',
      },
      {
        file: 'packages/txn/src/mvcc/commit.ts',
        find: "  assert(former === undefined || former.commitTs < commitTs, 'a version below the newest');",
        replace: '',
      },
    ],
    breaks:
      'A version is placed at or below the one that it replaces: history and snapshots are wrong.',
    workload: 'redis',
  },
  {
    name: 'txn-one-key-ahead-of-the-scheduler',
    edits: [
      {
        file: COMMANDS,
        find: '      const modifies = (await gate.choose(locks, plan.highestTs))',
        replace: '      const modifies = (await gate.choose(locks, plan.highestTs + (1n << 60n)))',
      },
    ],
    breaks:
      'A chain of "the newest and one more" runs ahead of what was granted: a snapshot that begins after an answer misses the write.',
    workload: 'redis',
  },
  {
    name: 'txn-one-phase-ahead-of-the-scheduler',
    edits: [
      {
        file: 'packages/txn/src/prewrite-commands.ts',
        find: '      if (!(await gate.choose(locks, txn.startTs))) return undefined;',
        replace:
          '      if (!(await gate.choose(locks, txn.startTs + (1n << 60n)))) return undefined;',
      },
    ],
    breaks:
      'A transaction whose locks have seen a version just above all timestamps commits above that: a snapshot that begins after the answer misses it.',
    workload: 'churn',
  },
  {
    name: 'txn-one-key-reads-do-not-count',
    edits: [
      {
        file: GATE,
        find: '    return this.#isProven(locks) && this.#isReached(locks.commitTs, clientTs);',
        replace: '    return this.#isReached(locks.commitTs, clientTs);',
      },
    ],
    breaks: 'A write is placed below a read that was served: the snapshot of that reader changes.',
    workload: 'redis',
  },
  {
    name: 'txn-one-key-at-a-new-leader',
    edits: [
      {
        file: COMMANDS,
        find: '    const gate = this.#gate?.isOpen(view) ? this.#gate : undefined;',
        replace: '    const gate = view.term > 0 ? this.#gate : undefined;',
      },
    ],
    breaks:
      'A leader chooses timestamps before it knows what its predecessors have served: snapshots that were read there change.',
    workload: 'redis',
  },
  {
    name: 'txn-one-key-passes-a-lock',
    edits: [
      {
        file: PURE,
        find: '      if (facts.lock !== undefined) return failed(lockedError(facts.key, facts.lock));',
        replace:
          "      if (facts.lock !== undefined && facts.lock.kind === 'pessimistic') return failed(lockedError(facts.key, facts.lock));",
      },
    ],
    breaks:
      'A write goes under the lock of a transaction that has been prewritten: the transaction commits over it or below it, and a update is lost.',
    workload: 'redis',
  },
  {
    name: 'txn-one-key-done-again',
    edits: [
      {
        file: PURE,
        find: "    if (outcome.type === 'commit') {",
        replace: "    if (outcome.type === 'commit' && write.ts < 0n) {",
      },
    ],
    breaks:
      'A write that is asked for again, since its answer was lost, happens twice or is said not to have happened.',
    workload: 'redis',
  },
  {
    name: 'txn-one-key-comes-back-from-its-rollback',
    edits: [
      {
        file: PURE,
        find: "    if (outcome.type === 'rollback') return failed(abortError(`write ${ts} is rolled back`, key));",
        replace: '',
      },
    ],
    breaks: 'A late copy of a write happens after its client was told that it never will.',
    workload: 'redis',
  },
  {
    name: 'txn-one-key-reads-do-not-wait',
    edits: [
      {
        file: COMMANDS,
        find: '      const proposed = await proposeModifies(this.#access, view, modifies);',
        replace:
          '      const proposing = proposeModifies(this.#access, view, modifies);\n      locks.release();\n      const proposed = await proposing;',
      },
    ],
    breaks:
      'A read between the choice of a timestamp and the apply does not wait: it misses a write at or below its timestamp.',
    workload: 'redis',
  },
  {
    name: 'client-refused-write-not-sealed',
    edits: [
      {
        file: 'packages/client/src/one-key-writes.ts',
        find: '    } else if (call.maybeApplied) {',
        replace: '    } else if (call.maybeApplied && call.deadline < 0) {',
      },
    ],
    breaks:
      'A write that was refused when it was asked for again is done by the late copy of its first request, after its client was told that it was not.',
    workload: 'redis',
  },
  {
    name: 'gateway-overwrites-what-has-elements',
    edits: [
      {
        file: 'packages/gateway/src/model/meta-codec.ts',
        find: '  Uint8Array.of((i + 1) | INLINE, FORMAT_VERSION),',
        replace: '  Uint8Array.of(i + 1),',
      },
    ],
    breaks: 'SET takes the place of a chunked value, whose chunks stay for ever.',
    workload: 'redis',
  },
  {
    name: 'gateway-answers-by-what-has-expired',
    edits: [
      {
        file: 'packages/gateway/src/turn/turn-batch.ts',
        find: '      if (isPast) this.#ports.widen(group);',
        replace: '      if (isPast && group.jobs.length < 0) this.#ports.widen(group);',
      },
    ],
    breaks:
      'A command that finds its key expired by a timestamp answers by a value that it read earlier, though another value stood between.',
    workload: 'redis',
  },
];
