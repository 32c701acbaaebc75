import { fromUtf8, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { type Message, type MessageType, makeMessage } from '../src/index.js';
import { type ConfigOverrides, confStateOf } from './config.js';
import { describeLog, entry, Network, SyncNode } from './harness.js';

describe('the log', () => {
  /**
   * Figure 8 of the Raft paper, (c): node 1 led in term 2 and reached node 2; node 5 led in term 3 and
   * reached nobody; now node 1 leads in term 4 and has copied the entry of term 2 to a majority.
   */
  const figure8 = (config: ConfigOverrides = {}): Network => {
    const voters = [1, 2, 3, 4, 5];
    const node = (id: number, terms: number[], term: number, vote: number): SyncNode =>
      // One entry a message, so that the old one travels without the empty one of term 4.
      new SyncNode({
        id,
        voters,
        terms,
        hardState: { term, vote, commit: 1 },
        config: { maxBytesPerMessage: 1, ...config },
      });
    const network = new Network([
      node(1, [1, 2], 3, 0),
      node(2, [1, 2], 2, 1),
      node(3, [1], 3, 5),
      node(4, [1], 3, 5),
      node(5, [1, 3], 3, 5),
    ]);
    for (const { id } of network.nodes) network.node(id).work();
    network.isolate(5);
    // Node 3 gets what it misses, but not the empty entry of term 4; node 4 gets nothing.
    network.filter((m) => {
      if (m.type !== 'MsgApp' || m.to === 2) return true;
      const wouldTake = network.raw(3).lastIndex >= m.index && m.entries.some((e) => e.term === 4);
      return m.to === 3 && !wouldTake;
    });
    network.campaign(1);
    expect(network.raw(1)).toMatchObject({ state: 'StateLeader', term: 4 });
    expect(network.nodes.map(({ log }) => log)).toEqual([
      ['1/1', '2/2', '4/3'],
      ['1/1', '2/2', '4/3'],
      ['1/1', '2/2'],
      ['1/1'],
      ['1/1', '3/2'],
    ]);
    expect([2, 3].map((id) => network.raw(1).progressOf(id)?.match)).toEqual([3, 2]);
    return network;
  };

  it('commit_only_current_term', () => {
    // (d): node 5 takes over and overwrites what was on a majority; nobody had applied it.
    const network = figure8();
    expect(network.raw(1).committed).toBe(1);
    network.recover();
    network.isolate(1);
    network.campaign(5);
    network.campaign(5);
    expect(network.raw(5)).toMatchObject({ state: 'StateLeader', term: 5 });
    network.recover();
    network.beat(5);
    for (const node of network.nodes) {
      expect(describeLog(node.applied), `node ${node.id}`).toEqual(['1/1', '3/2', '5/3']);
    }

    // (e): an entry of term 4 on a majority commits the older one too, and node 5 cannot win.
    const other = figure8();
    other.recover();
    other.isolate(5);
    other.beat(1);
    expect(other.raw(1).committed).toBe(3);
    other.recover();
    other.isolate(1);
    other.campaign(5);
    other.campaign(5);
    expect(other.raw(5).state).not.toBe('StateLeader');
  });

  it('heartbeat_commit_capped_at_match', () => {
    const network = Network.of(3);
    network.campaign(1);
    network.isolate(1);
    while (network.raw(1).lastIndex < 10) network.propose(1, 'lost');
    network.campaign(2);
    while (network.raw(2).committed < 15) network.propose(2, 'kept');

    network.recover();
    network.ignore('MsgApp');
    const heartbeats: Message[] = [];
    network.filter((m) => {
      if (m.type === 'MsgHeartbeat' && m.to === 1) heartbeats.push(m);
      return true;
    });
    for (let i = 0; i < 3; i++) network.beat(2);
    // It follows, but its tail is not known to match: nothing of it may be committed.
    expect(heartbeats.map((m) => m.commit)).toEqual([0, 0, 0]);
    expect(network.raw(1)).toMatchObject({ lead: 2, committed: 1, lastIndex: 10 });

    network.recover();
    network.beat(2);
    expect(network.node(1).log).toEqual(network.node(2).log);
    expect(network.node(1).applied).toEqual(network.node(2).applied);
  });

  it('stale_term_messages_ignored', () => {
    const metadata = { confState: confStateOf([1, 2, 3]), index: 9, term: 4 };
    const stale = (type: MessageType): Message =>
      makeMessage({
        type,
        from: 2,
        to: 1,
        term: 4,
        index: type === 'MsgApp' ? 1 : 9,
        logTerm: type === 'MsgApp' ? 1 : 4,
        commit: 1,
        entries: type === 'MsgApp' ? [entry(4, 2)] : [],
        snapshot: type === 'MsgSnap' ? { data: utf8(''), metadata } : undefined,
      });
    // A node that asks for votes of its next term first gets them.
    const stands = (node: SyncNode): void => {
      node.campaign();
      if (node.raw.state === 'StatePreCandidate') {
        node.step({ type: 'MsgPreVoteResp', from: 3, term: 5 });
      }
    };
    const leads = (node: SyncNode): void => {
      stands(node);
      node.step({ type: 'MsgVoteResp', from: 3, term: 5 });
      node.propose('mine');
    };
    const roles: readonly (readonly [string, (node: SyncNode) => void])[] = [
      ['StateFollower', (node) => node.follow(3, 5)],
      ['StateCandidate', stands],
      ['StateLeader', leads],
    ];
    const types: readonly MessageType[] = [
      'MsgApp',
      'MsgAppResp',
      'MsgVote',
      'MsgVoteResp',
      'MsgPreVote',
      'MsgPreVoteResp',
      'MsgHeartbeat',
      'MsgHeartbeatResp',
      'MsgSnap',
      'MsgTimeoutNow',
      'MsgReadIndexResp',
    ];
    for (const config of [{}, { checkQuorum: true, preVote: true }]) {
      for (const [state, takeRole] of roles) {
        for (const type of types) {
          const node = new SyncNode({ terms: [1, 3], hardState: { term: 4 }, config });
          takeRole(node);
          expect(node.raw).toMatchObject({ state, term: 5 });
          node.takeMessages();
          const before = JSON.stringify([node.raw.status(), node.log, node.raw.progressOf(2)]);
          node.step(stale(type));
          const after = JSON.stringify([node.raw.status(), node.log, node.raw.progressOf(2)]);
          expect(after, `${type} ${JSON.stringify(config)}`).toBe(before);
          // At most the sender is told of the present term.
          for (const m of node.takeMessages()) expect(m).toMatchObject({ to: 2, term: 5 });
        }
      }
    }
  });

  it('uncommitted_tail_bounded', () => {
    const maxUncommittedBytes = 1_000;
    const network = Network.of(3, [], { maxUncommittedBytes });
    network.campaign(1);
    network.isolate(1);
    let taken = 0;
    for (let i = 0; i < 1_000; i++) {
      const result = network.propose(1, 'x'.repeat(100));
      if (result.ok) taken++;
      else expect(result.error.code).toBe('proposal-dropped');
      expect(network.raw(1).uncommittedBytes).toBeLessThanOrEqual(maxUncommittedBytes);
    }
    expect(taken).toBe(10);
    expect(network.raw(1).lastIndex).toBe(1 + taken);

    // With the quorum back the tail commits, and there is room again.
    network.recover();
    network.beat(1);
    expect(network.raw(1)).toMatchObject({ committed: 1 + taken, uncommittedBytes: 0 });
    expect(network.propose(1, 'x'.repeat(100)).ok).toBe(true);

    // A leader that is replaced loses its tail, and the next one starts with the whole room.
    network.isolate(1);
    while (network.propose(1, 'x'.repeat(100)).ok);
    network.campaign(2);
    network.recover();
    expect(network.propose(2, 'x'.repeat(maxUncommittedBytes)).ok).toBe(true);
    network.beat(2);
    expect(network.node(1).log).toEqual(network.node(2).log);
    network.campaign(1);
    expect(network.raw(1)).toMatchObject({ state: 'StateLeader', uncommittedBytes: 0 });
    expect(network.propose(1, 'again').ok).toBe(true);
    expect(fromUtf8(network.node(2).applied.at(-1)!.data)).toBe('again');
  });
});
