import type { Mutant } from './mutant.js';

export const raftstoreMutants2: readonly Mutant[] = [
  {
    name: 'raftstore-term-unchecked-at-confirm',
    edits: [
      {
        file: 'packages/raftstore/src/access.ts',
        find: '    if (!peer.isLeader || peer.group.node.term !== this.term) {',
        replace: '    if (!peer.isLeader) {',
      },
    ],
    breaks:
      'A view is confirmed by leadership in whatever term: a leader that was deposed and elected again answers from facts of its former term.',
    workload: 'txn',
  },
  {
    name: 'raftstore-entry-term-unchecked',
    edits: [
      {
        file: 'packages/raftstore/src/apply.ts',
        find: `  if (payload.term !== entry.term) return { ok: false, error: { type: 'stale-command' } };
`,
        replace: '',
      },
    ],
    breaks:
      'An entry is applied that was decided from facts of an earlier term: another leader has written in between.',
    workload: 'txn',
  },
  {
    name: 'raftstore-neighbours-not-dialled',
    edits: [
      {
        file: 'packages/raftstore/src/store.ts',
        find: `    this.#transport.keep(neighbours);
`,
        replace: '',
      },
    ],
    breaks:
      'A store opens streams to its neighbours only when it has to send: with the scheduler away nobody learns addresses, so Regions get no leader.',
    workload: 'churn',
  },
  {
    name: 'raftstore-split-key-unchecked',
    edits: [
      {
        file: 'packages/raftstore/src/admin.ts',
        find: '      payload.version === peer.region.epoch.version',
        replace: '      payload.version >= 0',
      },
    ],
    breaks:
      'A split is applied whatever epoch it was proposed at: a key outside of the Region makes Regions that overlap.',
    workload: 'churn',
  },
  {
    name: 'raftstore-new-leader-heard-once',
    edits: [
      {
        file: 'packages/raftstore/src/router.ts',
        find: '    if (isLed && from.id !== group.node.lead) return false;',
        replace: '    if (isLed) return false;',
      },
    ],
    breaks:
      'A replica that follows a leader which it does not know yet hears one message of it in each election timeout, and never catches up.',
    workload: 'churn',
  },
  {
    name: 'raftstore-lagging-replica-hears-no-new-member',
    edits: [
      {
        file: 'packages/raftstore/src/router.ts',
        find: '    if (isLed && from.id !== group.node.lead) return false;',
        replace: '    if (isLed || group.node.term >= 0) return false;',
      },
    ],
    breaks:
      'A replica that has not applied the addition of a peer never listens to it: with that peer as the leader it stays behind, and a Region that needs its vote has none.',
    workload: 'churn',
  },
  {
    name: 'raftstore-snapshot-index-ahead',
    edits: [
      {
        file: 'packages/raftstore/src/snapshot-sender.ts',
        find: '      metadata: { confState: confStateOf(region), index, term },',
        replace: '      metadata: { confState: confStateOf(region), index: index + 1, term },',
      },
    ],
    breaks:
      'A snapshot names an index that its data does not reach: its follower misses an entry, which the comparison of replicas shows.',
    workload: 'churn',
  },
  {
    name: 'raftstore-dead-child-comes-back',
    edits: [
      {
        file: 'packages/raftstore/src/admin.ts',
        find: `    if (bytes !== undefined && decodeRegionState(bytes).state === 'tombstone') return true;
`,
        replace: `    if (bytes !== undefined && decodeRegionState(bytes).peerId === 0) return true;
`,
      },
    ],
    breaks:
      'A split that is applied late makes the peer of a child anew that was removed before: it votes again, and its data stays behind.',
    workload: 'churn',
  },
  {
    name: 'raftstore-removed-peer-keeps-data',
    edits: [
      {
        file: 'packages/raftstore/src/lifecycle.ts',
        find: `    await this.wipe(ranges);
    this.#env.faults`,
        replace: `    await this.wipe(ranges.slice(ranges.length));
    this.#env.faults`,
      },
    ],
    breaks:
      'A peer is removed and its data stays on the store: it lies in none of its Regions, and comes back with the next peer of that range.',
    workload: 'churn',
  },
  {
    name: 'raftstore-death-not-written',
    edits: [
      {
        file: 'packages/raftstore/src/lifecycle.ts',
        find: `    await this.#writeDeath(peer, region, 'tombstone', removedBy);
`,
        replace: `    if (removedBy?.index === 0) await this.#writeDeath(peer, region, 'tombstone', removedBy);
`,
      },
    ],
    breaks:
      'A removed peer leaves no tombstone: after a restart it is there again, without its log and its data.',
    workload: 'churn',
  },
];
