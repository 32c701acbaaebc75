import type { Mutant } from './mutant.js';

export const raftMutants: readonly Mutant[] = [
  {
    name: 'raft-read-without-quorum',
    edits: [
      {
        file: 'packages/raft/src/read-index.ts',
        find: '  if (r.tracker.isSingleton()) return true;',
        replace: '  if (r.lead === r.id) return true;',
      },
    ],
    breaks:
      'A leader answers a read index without hearing from a quorum: a deposed one serves stale reads, which linearizability of single keys shows.',
    workload: 'raw',
  },
  {
    name: 'raft-vote-twice',
    edits: [
      {
        file: 'packages/raft/src/election.ts',
        find: "    (m.type === 'MsgPreVote' && m.term > r.term);",
        replace: `    (m.type === 'MsgPreVote' && m.term > r.term) ||
    m.term > 0;`,
      },
    ],
    breaks:
      'A node votes for every candidate that asks: two leaders in one term, which the invariants of election and log matching show.',
    workload: 'churn',
  },
  {
    name: 'raft-commit-old-term',
    edits: [
      {
        file: 'packages/raft/src/replication.ts',
        find: '  return r.log.maybeCommit(r.tracker.committed(), r.term);',
        replace: `  const index = r.tracker.committed();
  const term = r.log.term(index);
  return typeof term === 'number' && r.log.maybeCommit(index, term);`,
      },
    ],
    breaks:
      'A leader counts replicas of entries of earlier terms (Raft paper, figure 8): a committed entry is replaced, which an assertion and leader completeness show; needs a small `messageBytesMax`, so that a tail travels in parts.',
    workload: 'raw',
  },
  {
    name: 'raft-answer-before-durable',
    edits: [
      {
        file: 'packages/raft/src/raft.ts',
        find: '    if (isCounted(type)) {',
        replace: '    if (isCounted(type) && message.to === this.id) {',
      },
    ],
    breaks:
      'Votes and acknowledgements leave before the disk has what they promise: a crash forgets them, and acknowledged writes are lost or a term has two leaders.',
    workload: 'raw',
  },
  {
    name: 'raft-heartbeat-commit-uncapped',
    edits: [
      {
        file: 'packages/raft/src/replication.ts',
        find: '    const commit = Math.min(progress.match, r.log.committed);',
        replace: '    const commit = r.log.committed;',
      },
    ],
    breaks:
      'A heartbeat carries the commit index beyond what the follower is known to hold: it commits a conflicting tail, or none at all, which an assertion shows.',
    workload: 'raw',
  },
  {
    name: 'raft-conflict-kept',
    edits: [
      {
        file: 'packages/raft/src/log.ts',
        find: '      if (!this.matchTerm(index, term)) return index;',
        replace: `      if (index <= this.lastIndex()) continue;
      if (!this.matchTerm(index, term)) return index;`,
      },
    ],
    breaks:
      'A follower keeps entries that differ from the leader’s: logs and then replicas diverge, which log matching and the comparison of replicas show.',
    workload: 'raw',
  },
  {
    name: 'raft-matching-entries-replaced',
    edits: [
      {
        file: 'packages/raft/src/log.ts',
        find: '      if (!this.matchTerm(index, term)) return index;',
        replace: `      if (index > this.committed) return index;
      if (!this.matchTerm(index, term)) return index;`,
      },
    ],
    breaks:
      'A follower cuts its log after the entries of every append: one that was delayed takes away acknowledged entries, which leader completeness or a replica that never catches up shows.',
    workload: 'raw',
  },
  {
    name: 'raft-commit-without-followers',
    edits: [
      {
        file: 'packages/raft/src/replication.ts',
        find: '  return r.log.maybeCommit(r.tracker.committed(), r.term);',
        replace: `  const own = r.tracker.progress.get(r.id);
  return r.log.maybeCommit(own?.match ?? r.tracker.committed(), r.term);`,
      },
    ],
    breaks:
      'A leader commits what it alone has: after the next election entries are missing that were acknowledged, which an assertion, lost writes or the comparison of replicas shows.',
    workload: 'raw',
  },
  {
    name: 'raft-vote-for-shorter-log',
    edits: [
      {
        file: 'packages/raft/src/election.ts',
        find: '  if (!canVote || !r.log.isUpToDate(m.index, m.logTerm)) {',
        replace: '  if (!canVote) {',
      },
    ],
    breaks:
      'A vote goes to a candidate whose log lacks entries of the voter: leader completeness, seen as a committed entry that conflicts or a write that is lost.',
    workload: 'raw',
  },
  {
    name: 'raft-read-index-before-own-entry',
    edits: [
      {
        file: 'packages/raft/src/read-index.ts',
        find: `  if (r.committedEntryInCurrentTerm()) confirmRead(r, request);
  else r.pendingReads.push(request);`,
        replace: '  confirmRead(r, request);',
      },
    ],
    breaks:
      'A new leader gives a read index before an entry of its term is committed: it may miss the last commits of its predecessor, so reads are stale and transactions decide on old facts.',
    workload: 'all',
  },
  {
    name: 'raft-lease-in-ticks',
    edits: [
      {
        file: 'packages/replica/src/group.ts',
        find: `  #leaseNow(): number {
    return this.#owner.env.clock.mono();`,
        replace: `  #leaseNow(): number {
    return this.#ticks * this.#owner.config.tickMs;`,
      },
    ],
    breaks:
      'The lease counts ticks instead of time: after a pause of the process a deposed leader still serves reads, which linearizability shows when its successor cannot reach it.',
    workload: 'raw',
  },
  {
    name: 'raft-durable-index-too-high',
    edits: [
      {
        file: 'packages/replica/src/durability-stage.ts',
        find: '        for (const { group, index } of covered) this.covered(group, index);',
        replace: '        for (const { group } of covered) this.covered(group, group.applied);',
      },
    ],
    breaks:
      'A barrier is taken to cover entries applied while it was under way: a crash before the next one loses them on this replica, which the comparison of replicas shows.',
    workload: 'all',
  },
  {
    name: 'raft-log-forgotten-early',
    edits: [
      {
        file: 'packages/replica/src/durability-stage.ts',
        find: '    const { storage, durableApplied } = group;',
        replace: '    const { storage, applied: durableApplied } = group;',
      },
    ],
    breaks:
      'The log forgets what is applied and not yet covered by a barrier: a crash leaves a hole that recovery, or the comparison of replicas, shows.',
    workload: 'all',
  },
  {
    name: 'raft-joint-majority-of-new',
    edits: [
      {
        file: 'packages/raft/src/quorum.ts',
        find: `    return Math.min(
      majorityCommitted(this.incoming, matchOf),
      majorityCommitted(this.outgoing, matchOf),
    );`,
        replace: '    return majorityCommitted(this.incoming, matchOf);',
      },
    ],
    breaks:
      'A joint configuration commits by its new half alone: the old half may elect a leader without the entry.',
    workload: 'churn',
  },
  {
    name: 'raft-half-is-quorum',
    edits: [
      {
        file: 'packages/raft/src/quorum.ts',
        find: '  return sorted[count - (Math.floor(count / 2) + 1)]!;',
        replace: '  return sorted[count - Math.max(1, Math.ceil(count / 2))]!;',
      },
      {
        file: 'packages/raft/src/quorum.ts',
        find: '  const quorum = Math.floor(count / 2) + 1;',
        replace: '  const quorum = Math.max(1, Math.ceil(count / 2));',
      },
    ],
    breaks:
      'Half of an even number of voters counts as a majority, for entries and for votes: two leaders commit apart from each other.',
    workload: 'churn',
  },
  {
    name: 'raft-pre-vote-raises-term',
    edits: [
      {
        file: 'packages/raft/src/step.ts',
        find: `  if (m.type === 'MsgPreVote' || (m.type === 'MsgPreVoteResp' && !m.reject)) return true;
`,
        replace: '',
      },
    ],
    breaks:
      'A node follows the higher term of a pre-vote: whoever is cut off deposes healthy leaders, and its log may be elected.',
    workload: 'raw',
  },
  {
    name: 'raft-old-snapshot-taken',
    edits: [
      {
        file: 'packages/raft/src/follower.ts',
        find: `  if (index <= r.log.committed) return false;
`,
        replace: '',
      },
    ],
    breaks:
      'A follower takes a snapshot that its log has passed: it forgets acknowledged entries, which an assertion or leader completeness shows.',
    workload: 'churn',
  },
  {
    name: 'raft-changes-overlap',
    edits: [
      {
        file: 'packages/raft/src/proposal.ts',
        find: '  const pending = r.pendingConfIndex > r.log.applied;',
        replace: '  const pending = r.pendingConfIndex < 0;',
      },
    ],
    breaks:
      'A change of members is taken while another one is not applied: two majorities need not meet, so a term may have two leaders.',
    workload: 'churn',
  },
];
