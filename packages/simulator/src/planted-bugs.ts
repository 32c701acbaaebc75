import type { WorkloadName } from './run/plan.js';

/** A mistake that stands in production code behind `planted(name)`, and that the checkers must find. */
export interface PlantedBug {
  readonly name: string;
  /** Where it stands: `raft` with replica, `txn` with the client. */
  readonly package: 'raft' | 'raftstore' | 'txn' | 'scheduler' | 'gateway';
  /** The rule that it breaks, and who ought to see it. */
  readonly breaks: string;
  /** What to hunt it with. */
  readonly workload: WorkloadName;
}

const raft: readonly PlantedBug[] = [
  {
    name: 'raft-read-without-quorum',
    package: 'raft',
    breaks:
      'A leader answers a read index without hearing from a quorum: a deposed one serves stale reads, which linearizability of single keys shows.',
    workload: 'raw',
  },
  {
    name: 'raft-vote-twice',
    package: 'raft',
    breaks:
      'A node votes for every candidate that asks: two leaders in one term, which the invariants of election and log matching show.',
    workload: 'churn',
  },
  {
    name: 'raft-commit-old-term',
    package: 'raft',
    breaks:
      'A leader counts replicas of entries of earlier terms (Raft paper, figure 8): a committed entry is replaced, which an assertion and leader completeness show; needs a small `messageBytesMax`, so that a tail travels in parts.',
    workload: 'raw',
  },
  {
    name: 'raft-answer-before-durable',
    package: 'raft',
    breaks:
      'Votes and acknowledgements leave before the disk has what they promise: a crash forgets them, and acknowledged writes are lost or a term has two leaders.',
    workload: 'raw',
  },
  {
    name: 'raft-heartbeat-commit-uncapped',
    package: 'raft',
    breaks:
      'A heartbeat carries the commit index beyond what the follower is known to hold: it commits a conflicting tail, or none at all, which an assertion shows.',
    workload: 'raw',
  },
  {
    name: 'raft-conflict-kept',
    package: 'raft',
    breaks:
      'A follower keeps entries that differ from the leader’s: logs and then replicas diverge, which log matching and the comparison of replicas show.',
    workload: 'raw',
  },
  {
    name: 'raft-matching-entries-replaced',
    package: 'raft',
    breaks:
      'A follower cuts its log after the entries of every append: one that was delayed takes away acknowledged entries, which leader completeness or a replica that never catches up shows.',
    workload: 'raw',
  },
  {
    name: 'raft-commit-without-followers',
    package: 'raft',
    breaks:
      'A leader commits what it alone has: after the next election entries are missing that were acknowledged, which an assertion, lost writes or the comparison of replicas shows.',
    workload: 'raw',
  },
  {
    name: 'raft-vote-for-shorter-log',
    package: 'raft',
    breaks:
      'A vote goes to a candidate whose log lacks entries of the voter: leader completeness, seen as a committed entry that conflicts or a write that is lost.',
    workload: 'raw',
  },
  {
    name: 'raft-read-index-before-own-entry',
    package: 'raft',
    breaks:
      'A new leader gives a read index before an entry of its term is committed: it may miss the last commits of its predecessor, so reads are stale and transactions decide on old facts.',
    workload: 'all',
  },
  {
    name: 'raft-lease-in-ticks',
    package: 'raft',
    breaks:
      'The lease counts ticks instead of time: after a pause of the process a deposed leader still serves reads, which linearizability shows when its successor cannot reach it.',
    workload: 'raw',
  },
  {
    name: 'raft-durable-index-too-high',
    package: 'raft',
    breaks:
      'A barrier is taken to cover entries applied while it was under way: a crash before the next one loses them on this replica, which the comparison of replicas shows.',
    workload: 'all',
  },
  {
    name: 'raft-log-forgotten-early',
    package: 'raft',
    breaks:
      'The log forgets what is applied and not yet covered by a barrier: a crash leaves a hole that recovery, or the comparison of replicas, shows.',
    workload: 'all',
  },
];

const raftstore: readonly PlantedBug[] = [
  {
    name: 'raftstore-epoch-unchecked-at-apply',
    package: 'raftstore',
    breaks:
      'An entry that was decided before a split is applied after it: a write of the parent lands in the range of the child, past its log, so replicas diverge or the write is lost.',
    workload: 'churn',
  },
  {
    name: 'raftstore-index-not-atomic',
    package: 'raftstore',
    breaks:
      'The applied index is written ahead of the data: a snapshot taken in between lacks what its index stands for, which the comparison of replicas shows.',
    workload: 'churn',
  },
  {
    name: 'raftstore-recovery-trusts-engine',
    package: 'raftstore',
    breaks:
      'Recovery replays from the index in the engine, which promises no surviving prefix: what a crash took away stays lost, which the comparison of replicas shows.',
    workload: 'all',
  },
  {
    name: 'raftstore-barrier-skipped',
    package: 'raftstore',
    breaks:
      'Splits and changes of peers are written without barriers: after a crash their record speaks of data that is lost, or is lost itself, so replicas diverge or a child is gone.',
    workload: 'churn',
  },
  {
    name: 'raftstore-split-not-atomic',
    package: 'raftstore',
    breaks:
      'The children of a split become durable before the parent shrinks: a crash in between leaves Regions that overlap, which assertions of recovery show.',
    workload: 'churn',
  },
  {
    name: 'raftstore-snapshot-without-wipe',
    package: 'raftstore',
    breaks:
      'A snapshot is written over the old data: what was deleted since comes back on this replica, which the comparison of replicas shows.',
    workload: 'churn',
  },
  {
    name: 'raftstore-request-range-unchecked',
    package: 'raftstore',
    breaks:
      'Requests are served whatever epoch and keys they name: clients go on at the parent with keys of the child, so reads are stale and replicas diverge.',
    workload: 'churn',
  },
  {
    name: 'raftstore-follower-reads-at-once',
    package: 'raftstore',
    breaks:
      'A follower serves reads from what it has applied: clients that have not noticed a change of leader read stale values, which linearizability shows.',
    workload: 'raw',
  },
  {
    name: 'raftstore-occupied-range-taken',
    package: 'raftstore',
    breaks:
      'A store that has not applied a split yet takes in a peer of the child: two Regions overlap on it, which assertions or the comparison of replicas show.',
    workload: 'churn',
  },
  {
    name: 'raftstore-answer-before-apply',
    package: 'raftstore',
    breaks:
      'Writes are answered and their latches released before the batch is readable: the next read misses them and the next transaction decides without them.',
    workload: 'all',
  },
  {
    name: 'raftstore-replaced-proposal-succeeds',
    package: 'raftstore',
    breaks:
      'Whoever waits for an index is told of success though an entry of another leader stands there: an acknowledged write never happened.',
    workload: 'raw',
  },
];

const txn: readonly PlantedBug[] = [
  {
    name: 'txn-without-latches',
    package: 'txn',
    breaks:
      'Two commands decide on the same key at once, each without the other’s lock: one of two transactions loses a part of its writes, which lists and bank totals show.',
    workload: 'txn',
  },
  {
    name: 'txn-late-prewrite-accepted',
    package: 'txn',
    breaks:
      'A prewrite does not look for the rollback of its own transaction: one that was declared dead commits a part of its keys, which lists and bank totals show.',
    workload: 'txn',
  },
  {
    name: 'txn-newest-commit-ignored',
    package: 'txn',
    breaks:
      'A prewrite does not see that the key was committed after its start: lost updates, cycles with one anti-dependency in the lists.',
    workload: 'txn',
  },
  {
    name: 'txn-foreign-lock-replaced',
    package: 'txn',
    breaks:
      'A prewrite takes the place of another transaction’s lock: that one commits without this key, which lists and bank totals show.',
    workload: 'txn',
  },
  {
    name: 'txn-read-ignores-locks',
    package: 'txn',
    breaks:
      'A read passes by a lock that may become a commit below its timestamp: it sees a part of a transaction, which bank totals and lists show.',
    workload: 'txn',
  },
  {
    name: 'txn-foreign-lock-resolved',
    package: 'txn',
    breaks:
      'Whoever rolls a transaction forward commits all locks of the Region with it, whosever they are: values of transactions that are under way become visible, which bank totals and lists show.',
    workload: 'txn',
  },
  {
    name: 'txn-old-version-dropped',
    package: 'txn',
    breaks:
      'A commit drops the version that it displaces: older snapshots miss the key, which bank totals and lists show.',
    workload: 'txn',
  },
  {
    name: 'txn-commit-without-lock',
    package: 'txn',
    breaks:
      'A commit whose lock is gone is answered with success: transactions that others rolled back after their time to live count as committed, which lists show.',
    workload: 'txn',
  },
  {
    name: 'txn-check-without-rollback',
    package: 'txn',
    breaks:
      'Whoever finds no trace of a transaction at its primary leaves no rollback there: its prewrite arrives later, and it commits without the keys that were rolled back meanwhile.',
    workload: 'txn',
  },
  {
    name: 'txn-early-commit-ts',
    package: 'txn',
    breaks:
      'The commit timestamp is fetched before all keys are locked: readers between the two miss a commit below their snapshot, which bank totals and lists show.',
    workload: 'txn',
  },
  {
    name: 'txn-primary-committed-last',
    package: 'txn',
    breaks:
      'Other keys are committed before the primary, which may still be rolled back when its Region is away for longer than its time to live: half a transaction, which bank totals show.',
    workload: 'txn',
  },
  {
    name: 'txn-secondary-rolled-forward',
    package: 'txn',
    breaks:
      'A primary without a lock is taken for committed: secondaries of transactions that were rolled back come to life, which lists, bank totals and an assertion of the client show.',
    workload: 'txn',
  },
  {
    name: 'txn-commit-below-reads',
    package: 'txn',
    breaks:
      'A store chooses commit timestamps without regard to the reads that it has served: a snapshot that was read changes, which the versions that reads have seen show.',
    workload: 'txn',
  },
  {
    name: 'txn-secondaries-not-checked',
    package: 'txn',
    breaks:
      'An expired asynchronous commit is taken for committed though not all its keys are locked: half a transaction, which sums and lists show.',
    workload: 'txn',
  },
  {
    name: 'txn-locked-read-of-snapshot',
    package: 'txn',
    breaks:
      'A transaction reads a key that it has locked as it was at its start: what was committed between that and the lock it overwrites unseen, which lists and bank totals show.',
    workload: 'txn',
  },
  {
    name: 'txn-lost-lock-unnoticed',
    package: 'txn',
    breaks:
      'A prewrite takes its pessimistic lock for granted: where it expired or was never kept, others have written meanwhile, and their updates are lost, which lists and bank totals show.',
    workload: 'txn',
  },
  {
    name: 'txn-batch-get-reads-newest',
    package: 'txn',
    breaks:
      'The keys of one batch are read at different moments: bank totals do not add up, and pairs of Redis keys differ.',
    workload: 'txn',
  },
];

const gateway: readonly PlantedBug[] = [
  {
    name: 'gateway-slow-commit-retried',
    package: 'gateway',
    breaks:
      'A commit without an answer in time is taken for a conflict, and its commands run again: INCR and APPEND take effect twice, which counters and linearizability show.',
    workload: 'redis',
  },
  {
    name: 'gateway-slow-commit-refused',
    package: 'gateway',
    breaks:
      'A commit without an answer in time is answered as certainly not applied: values appear that nobody has written, which linearizability and counters show.',
    workload: 'redis',
  },
  {
    name: 'gateway-batch-at-once',
    package: 'gateway',
    breaks:
      'Commands that share a transaction on a hot key are all computed from what it was before: increments are lost, two INCR answer the same.',
    workload: 'redis',
  },
  {
    name: 'gateway-answer-before-commit',
    package: 'gateway',
    breaks:
      'Replies leave before the transaction has committed: conflicts lose acknowledged writes and reads miss them, which linearizability and counters show.',
    workload: 'redis',
  },
  {
    name: 'gateway-value-remembered',
    package: 'gateway',
    breaks:
      'GET is answered for a while from what was read before, whatever was written since: stale reads, which linearizability shows.',
    workload: 'redis',
  },
  {
    name: 'gateway-exec-by-command',
    package: 'gateway',
    breaks:
      'The commands of MULTI run in a transaction each: keys that change together only are seen to differ.',
    workload: 'redis',
  },
  {
    name: 'gateway-mset-by-key',
    package: 'gateway',
    breaks:
      'MSET writes each key in a transaction of its own: keys that change together only are seen to differ.',
    workload: 'redis',
  },
  {
    name: 'gateway-del-keeps-key',
    package: 'gateway',
    breaks:
      'DEL counts the keys and leaves them: reads find what was deleted, which linearizability shows.',
    workload: 'redis',
  },
  {
    name: 'gateway-exec-ignores-watch',
    package: 'gateway',
    breaks:
      'EXEC runs although a watched key has changed: increments by WATCH, GET, MULTI, SET, EXEC are lost, which counters show.',
    workload: 'redis',
  },
  {
    name: 'txn-gc-visible-version-dropped',
    package: 'txn',
    breaks:
      'The collection takes the version that reads at the safe point see, once a newer one has displaced it: a slow reader above the safe point misses it, which sums show.',
    workload: 'txn',
  },
  {
    name: 'txn-read-below-safe-point',
    package: 'txn',
    breaks:
      'A read below the safe point is served from what the collection has left: versions are missing, which sums show.',
    workload: 'txn',
  },
];

const scheduler: readonly PlantedBug[] = [
  {
    name: 'scheduler-tso-window-not-saved',
    package: 'scheduler',
    breaks:
      'Timestamps are served without a bound in the replicated state: after a restart with a clock that is behind they repeat and go back, which their uniqueness and order show.',
    workload: 'txn',
  },
  {
    name: 'scheduler-tso-follows-wall-back',
    package: 'scheduler',
    breaks:
      'Physical time follows a wall clock that jumps back: timestamps go back and repeat, which their uniqueness and order, and an assertion of the client, show.',
    workload: 'txn',
  },
  {
    name: 'scheduler-tso-logical-restarts',
    package: 'scheduler',
    breaks:
      'The logical part starts again when a bound is saved, in the middle of a millisecond: timestamps repeat.',
    workload: 'txn',
  },
  {
    name: 'scheduler-tso-ranges-overlap',
    package: 'scheduler',
    breaks:
      'A request for many timestamps moves the counter by one: ranges that different clients got overlap.',
    workload: 'txn',
  },
  {
    name: 'scheduler-ids-not-saved',
    package: 'scheduler',
    breaks:
      'Windows of ids are not reserved in the replicated state: after a restart ids of stores, Regions and peers repeat, which the region map, assertions of stores or liveness show.',
    workload: 'churn',
  },
  {
    name: 'scheduler-split-ids-reused',
    package: 'scheduler',
    breaks:
      'A Region that asks again gets the ids of its last split: two Regions of one id, which assertions of stores and the region map show.',
    workload: 'churn',
  },
  {
    name: 'scheduler-bootstrap-repeated',
    package: 'scheduler',
    breaks:
      'Every store that asks may bootstrap: several first Regions hold all keys, which the region map, lost writes and liveness show.',
    workload: 'all',
  },
  {
    name: 'scheduler-learners-forgotten',
    package: 'scheduler',
    breaks:
      'Nobody looks after a learner whose operator is gone: its Region never gets all its voters, which liveness after healing shows.',
    workload: 'churn',
  },
  {
    name: 'scheduler-peer-id-reused',
    package: 'scheduler',
    breaks:
      'A peer that comes back to a store comes with its old id: the tombstone there refuses it for good, which liveness after healing shows.',
    workload: 'churn',
  },
];

/** Each must be convicted within a few dozen seeds. */
export const plantedBugs: readonly PlantedBug[] = [
  ...raft,
  ...raftstore,
  ...txn,
  ...scheduler,
  ...gateway,
];
