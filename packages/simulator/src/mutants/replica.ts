import type { Mutant } from './mutant.js';

export const replicaMutants: readonly Mutant[] = [
  {
    name: 'replica-lease-over-open-split',
    edits: [
      {
        file: 'packages/replica/src/group.ts',
        find: '    if (!this.appliedOwnTerm || this.#marks.voids.hasCommitted(this.node.committed)) return false;',
        replace: '    if (!this.appliedOwnTerm) return false;',
      },
    ],
    breaks:
      'A leader reads by its lease while a split is committed and not applied: the child may have another leader, so reads are stale, which linearizability shows.',
    workload: 'churn',
  },
  {
    name: 'replica-promise-forgotten',
    edits: [
      {
        file: 'packages/replica/src/group.ts',
        find: `    if (isFromLeader(message) && message.term >= this.node.term) this.#promise.heardLeader(now);
`,
        replace: '',
      },
    ],
    breaks:
      'A follower keeps no promise of its own after it has heard the leader: a late refusal lets it vote under a lease, so reads are stale, which linearizability shows.',
    workload: 'raw',
  },
  {
    name: 'replica-restart-without-promise',
    edits: [
      {
        file: 'packages/replica/src/group.ts',
        find: `    if (init.recovered) this.#promise.heardLeader(env.clock.mono());
`,
        replace: '',
      },
    ],
    breaks:
      'A restarted follower votes at once, under the lease of a leader that it had heard before: reads are stale, which linearizability shows.',
    workload: 'raw',
  },
  {
    name: 'replica-lease-from-receipt',
    edits: [
      {
        file: 'packages/replica/src/group.ts',
        find: '      this.#leadership.onAck(from, term, sentAt, this.#confState, this.#leaseNow());',
        replace: `      const heardAt = Math.max(sentAt, this.#leaseNow());
      this.#leadership.onAck(from, term, heardAt, this.#confState, heardAt);`,
      },
    ],
    breaks:
      'A lease runs from the receipt of an acknowledgement, not from the sending of the heartbeat: after a pause the leader reads under a lease that nobody grants, which linearizability shows.',
    workload: 'raw',
  },
  {
    name: 'replica-transfer-keeps-lease',
    edits: [
      {
        file: 'packages/replica/src/group.ts',
        find: `    if (message.type === 'MsgTimeoutNow') this.#leadership.suspendLease();
`,
        replace: '',
      },
    ],
    breaks:
      'A leader keeps its lease after it has told another to campaign: the successor writes at once, so reads are stale, which linearizability shows.',
    workload: 'churn',
  },
  {
    name: 'replica-lease-term-unchecked',
    edits: [
      {
        file: 'packages/replica/src/lease.ts',
        find: `    if (term !== this.#term) return;
    const known`,
        replace: '    const known',
      },
    ],
    breaks:
      'An acknowledgement of an earlier term counts for the lease of this one: followers have promised nothing, so reads are stale, which linearizability shows.',
    workload: 'raw',
  },
  {
    name: 'replica-lost-leadership-refuses',
    edits: [
      {
        file: 'packages/replica/src/proposals.ts',
        find: "      this.#host.unknown(proposal.waiters, 'leadership was lost before the entry was committed');",
        replace: '      this.#host.replaced(proposal.waiters);',
      },
    ],
    breaks:
      'Proposals that a deposed leader has appended are refused as certainly not applied: the next leader may commit them, so values appear that nobody wrote, which linearizability shows.',
    workload: 'raw',
  },
  {
    name: 'replica-failed-barrier-retried',
    edits: [
      {
        file: 'packages/replica/src/durability-stage.ts',
        find: '      (error: unknown) => this.#host.fatal(error),',
        replace: `      () => {
        this.#running = undefined;
        for (const { group } of covered) this.#dirty.add(group);
      },`,
      },
    ],
    breaks:
      'A barrier that failed is taken again instead of ending the process: what its fsync held is gone, and the log forgets it, which the comparison of replicas shows.',
    workload: 'raw',
  },
  {
    name: 'replica-append-answered-at-start',
    edits: [
      {
        file: 'packages/replica/src/append-stage.ts',
        find: `    written.then(
      () => this.#written(write),
      (error: unknown) => this.#failed(write, error),
    );`,
        replace: `    written.catch((error: unknown) => this.#failed(write, error));
    Promise.resolve().then(() => this.#written(write));`,
      },
    ],
    breaks:
      'Votes and acknowledgements leave when the write of the log begins: a crash forgets them, so acknowledged writes are lost or a term has two leaders.',
    workload: 'raw',
  },
  {
    name: 'replica-vote-not-written',
    edits: [
      {
        file: 'packages/replica/src/append-stage.ts',
        find: '    if (message.entries.length > 0 || hardState.term !== term || hardState.vote !== vote)',
        replace: '    if (message.entries.length > 0 || hardState.term !== term)',
      },
    ],
    breaks:
      'A hard state is written only with entries: a vote is forgotten in a crash, so a term has two leaders.',
    workload: 'churn',
  },
  {
    name: 'replica-read-before-apply',
    edits: [
      {
        file: 'packages/replica/src/read-gate.ts',
        find: '    if (state.index <= applied) this.#finish(callbacks, undefined);',
        replace:
          '    if (state.index <= applied || applied >= 0) this.#finish(callbacks, undefined);',
      },
    ],
    breaks:
      'A read whose index a quorum has confirmed is served before that index is applied: it misses acknowledged writes, which linearizability shows.',
    workload: 'raw',
  },
];
