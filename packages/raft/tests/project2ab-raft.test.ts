import { describe, expect, it } from 'vitest';
import type { Entry, StateType } from '../src/index.js';
import { describeLog, entry, Network, SyncNode } from './harness.js';

// The tests of the TinyKV course under their names: replication among several nodes.

function committed(network: Network): number[] {
  return network.nodes.map((node) => node.raw.committed);
}

function expectLogs(network: Network, log: readonly string[]): void {
  for (const node of network.nodes) expect(node.log, `node ${node.id}`).toEqual(log);
}

describe('project 2AB: replication', () => {
  it('TestProgressLeader2AB', () => {
    const leader = new SyncNode({ voters: [1, 2] });
    leader.winElection();
    for (let last = 1; last <= 5; last++) {
      expect(leader.raw.progressOf(1)).toMatchObject({ match: last, next: last + 1 });
      expect(leader.propose('foo')).toEqual({ ok: true, value: last + 1 });
    }
  });

  it('TestLeaderElectionOverwriteNewerLogs2AB', () => {
    // Node 1 led in term 1 and reached node 2 alone; node 3 led in term 2, by the votes of 4 and 5,
    // and reached nobody.
    const voters = [1, 2, 3, 4, 5];
    const votedFor3 = { term: 2, vote: 3 };
    const network = new Network([
      new SyncNode({ id: 1, voters, terms: [1], hardState: { vote: 1 } }),
      new SyncNode({ id: 2, voters, terms: [1], hardState: { vote: 1 } }),
      new SyncNode({ id: 3, voters, terms: [2], hardState: votedFor3 }),
      new SyncNode({ id: 4, voters, hardState: votedFor3 }),
      new SyncNode({ id: 5, voters, hardState: votedFor3 }),
    ]);
    // Term 2 has had its leader.
    network.campaign(1);
    expect(network.raw(1)).toMatchObject({ state: 'StateFollower', term: 2 });
    // Nodes 2, 4 and 5 do not know of the newer entry, which was never committed: it is lost.
    network.campaign(1);
    expect(network.raw(1)).toMatchObject({ state: 'StateLeader', term: 3 });
    expectLogs(network, ['1/1', '3/2']);
  });

  it('TestLogReplication2AB', () => {
    const network = Network.of(3);
    network.campaign(1);
    network.propose(1, 'first');
    expect(committed(network)).toEqual([2, 2, 2]);
    network.campaign(2);
    network.propose(2, 'second');
    expect(committed(network)).toEqual([4, 4, 4]);
    for (const node of network.nodes) {
      expect(describeLog(node.applied)).toEqual(['1/1', '1/2 first', '2/3', '2/4 second']);
    }
  });

  it('TestSingleNodeCommit2AB', () => {
    const network = Network.of(1);
    network.campaign(1);
    network.propose(1);
    network.propose(1);
    expect(network.raw(1).committed).toBe(3);
  });

  it('TestCommitWithoutNewTermEntry2AB', () => {
    const network = Network.of(5);
    network.campaign(1);
    for (const id of [3, 4, 5]) network.cut(1, id);
    network.propose(1);
    network.propose(1);
    expect(network.raw(1).committed).toBe(1);
    network.recover();
    // The empty entry of the new term commits all before it, without a proposal.
    network.campaign(2);
    expect(committed(network)).toEqual([4, 4, 4, 4, 4]);
  });

  it('TestCommitWithHeartbeat2AB', () => {
    const network = Network.of(5);
    network.campaign(1);
    network.isolate(5);
    network.propose(1);
    network.propose(1);
    expect(committed(network)).toEqual([3, 3, 3, 3, 1]);
    network.recover();
    // The answer to a heartbeat shows who is behind.
    network.beat(1);
    expect(committed(network)).toEqual([3, 3, 3, 3, 3]);
  });

  it('TestDuelingCandidates2AB', () => {
    const network = Network.of(3);
    network.cut(1, 3);
    network.campaign(1);
    network.campaign(3);
    // One vote and one refusal decide nothing.
    expect(network.raw(1).state).toBe('StateLeader');
    expect(network.raw(3).state).toBe('StateCandidate');
    network.recover();
    // The higher term deposes the leader, but the shorter log wins no votes.
    network.campaign(3);
    for (const { raw } of network.nodes) {
      expect(raw).toMatchObject({ state: 'StateFollower', term: 2, lead: 0 });
    }
    expect(network.nodes.map((node) => node.log)).toEqual([['1/1'], ['1/1'], []]);
    expect(network.raw(1).committed).toBe(1);
  });

  it('TestCandidateConcede2AB', () => {
    const network = Network.of(3);
    network.isolate(1);
    network.campaign(1);
    network.campaign(3);
    expect(network.raw(1)).toMatchObject({ state: 'StateCandidate', term: 1 });
    network.recover();
    network.beat(3);
    network.propose(3, 'force follower');
    network.beat(3);
    expect(network.raw(1)).toMatchObject({ state: 'StateFollower', term: 1, lead: 3 });
    expectLogs(network, ['1/1', '1/2 force follower']);
    expect(committed(network)).toEqual([2, 2, 2]);
  });

  it('TestOldMessages2AB', () => {
    const network = Network.of(3);
    for (const id of [1, 2, 1]) network.campaign(id);
    expect(network.raw(1)).toMatchObject({ state: 'StateLeader', term: 3 });
    // What node 2 sent when it led is of no account.
    const entries = [entry(2, 3, 'old')];
    network.deliver({ type: 'MsgApp', from: 2, to: 1, term: 2, index: 2, logTerm: 2, entries });
    network.propose(1, 'somedata');
    expectLogs(network, ['1/1', '2/2', '3/3', '3/4 somedata']);
    expect(committed(network)).toEqual([4, 4, 4]);
  });

  it('TestProposal2AB', () => {
    const cases: readonly [size: number, dead: number[], success: boolean][] = [
      [3, [], true],
      [3, [3], true],
      [3, [2, 3], false],
      [4, [2, 3], false],
      [5, [2, 3], true],
    ];
    for (const [size, dead, success] of cases) {
      const network = Network.of(size, dead);
      network.campaign(1);
      expect(network.propose(1, 'somedata').ok).toBe(success);
      expectLogs(network, success ? ['1/1', '1/2 somedata'] : []);
      for (const index of committed(network)) expect(index).toBe(success ? 2 : 0);
      expect(network.raw(1).term).toBe(1);
    }
  });

  it('TestLeaderIncreaseNext2AB', () => {
    const leader = new SyncNode({ terms: [1, 1, 1] });
    const network = new Network([leader, new SyncNode({ id: 2 }), new SyncNode({ id: 3 })]);
    network.campaign(1);
    network.propose(1, 'somedata');
    // Three entries, the empty one of the term, the proposal; then what comes next.
    expect(leader.raw.progressOf(2)).toMatchObject({ match: 5, next: 6 });
  });
});

describe('project 2AB: messages', () => {
  it('TestHandleMessageType_MsgAppend2AB', () => {
    interface Case {
      readonly at: readonly [logTerm: number, index: number];
      readonly commit: number;
      readonly entries?: readonly Entry[];
      readonly outcome: readonly [lastIndex: number, committed: number, reject: boolean];
    }
    const cases: readonly Case[] = [
      // The entry before differs, or is missing.
      { at: [3, 2], commit: 3, outcome: [2, 0, true] },
      { at: [3, 3], commit: 3, outcome: [2, 0, true] },
      // Conflicts are overwritten, what is new is appended.
      { at: [1, 1], commit: 1, outcome: [2, 1, false] },
      { at: [0, 0], commit: 1, entries: [entry(2, 1)], outcome: [1, 1, false] },
      { at: [2, 2], commit: 3, entries: [entry(2, 3), entry(2, 4)], outcome: [4, 3, false] },
      { at: [2, 2], commit: 4, entries: [entry(2, 3)], outcome: [3, 3, false] },
      { at: [1, 1], commit: 4, entries: [entry(2, 2)], outcome: [2, 2, false] },
      // The commit index goes no further than what the message proves to match.
      { at: [1, 1], commit: 3, outcome: [2, 1, false] },
      { at: [1, 1], commit: 3, entries: [entry(2, 2)], outcome: [2, 2, false] },
      { at: [2, 2], commit: 3, outcome: [2, 2, false] },
      { at: [2, 2], commit: 4, outcome: [2, 2, false] },
    ];
    for (const { at, commit, entries = [], outcome } of cases) {
      const [logTerm, index] = at;
      const node = new SyncNode({ terms: [1, 2], hardState: { term: 2 } });
      node.step({ type: 'MsgApp', from: 2, term: 2, logTerm, index, commit, entries });
      const [answer, ...more] = node.takeMessages();
      expect(more).toEqual([]);
      const found = [node.raw.lastIndex, node.raw.committed, answer?.reject];
      expect(found, JSON.stringify({ at, commit, entries })).toEqual(outcome);
    }
  });

  it('TestRecvMessageType_MsgRequestVote2AB', () => {
    const cases: readonly [
      role: StateType,
      index: number,
      logTerm: number,
      vote: number,
      reject: boolean,
    ][] = [
      ['StateFollower', 0, 0, 0, true],
      ['StateFollower', 0, 1, 0, true],
      ['StateFollower', 0, 2, 0, true],
      ['StateFollower', 0, 3, 0, false],
      ['StateFollower', 1, 0, 0, true],
      ['StateFollower', 1, 1, 0, true],
      ['StateFollower', 1, 2, 0, true],
      ['StateFollower', 1, 3, 0, false],
      ['StateFollower', 2, 0, 0, true],
      ['StateFollower', 2, 1, 0, true],
      ['StateFollower', 2, 2, 0, false],
      ['StateFollower', 2, 3, 0, false],
      ['StateFollower', 3, 0, 0, true],
      ['StateFollower', 3, 1, 0, true],
      ['StateFollower', 3, 2, 0, false],
      ['StateFollower', 3, 3, 0, false],
      // The vote of the term is given: to the one that asks again, to another.
      ['StateFollower', 3, 2, 2, false],
      ['StateFollower', 3, 2, 3, true],
      ['StateLeader', 3, 3, 1, true],
      ['StateCandidate', 3, 3, 1, true],
    ];
    for (const [role, index, logTerm, vote, reject] of cases) {
      const term = Math.max(2, logTerm);
      const isFollower = role === 'StateFollower';
      const hardState = isFollower ? { term, vote } : { term: term - 1 };
      const node = new SyncNode({ terms: [2, 2], hardState });
      if (role === 'StateLeader') node.winElection();
      if (role === 'StateCandidate') node.campaign();
      node.takeMessages();
      expect(node.raw).toMatchObject({ state: role, term, vote });

      node.step({ type: 'MsgVote', from: 2, term, index, logTerm });
      const [answer, ...more] = node.takeMessages();
      expect(more).toEqual([]);
      expect(answer, `${role} ${logTerm}/${index}`).toMatchObject({
        type: 'MsgVoteResp',
        to: 2,
        term,
        reject,
      });
    }
  });

  it('TestAllServerStepdown2AB', () => {
    const cases: readonly [role: StateType, lastIndex: number][] = [
      ['StateFollower', 0],
      ['StateCandidate', 0],
      ['StateLeader', 1],
    ];
    for (const [role, lastIndex] of cases) {
      const node = new SyncNode({ hardState: { term: role === 'StateFollower' ? 1 : 0 } });
      if (role === 'StateCandidate') node.campaign();
      if (role === 'StateLeader') node.winElection();
      expect(node.raw.state).toBe(role);
      for (const type of ['MsgVote', 'MsgApp'] as const) {
        node.step({ type, from: 2, term: 3, logTerm: 3 });
        // Only a message of a leader names the leader.
        const lead = type === 'MsgVote' ? 0 : 2;
        expect(node.raw).toMatchObject({ state: 'StateFollower', term: 3, lastIndex, lead });
        expect(node.log).toHaveLength(lastIndex);
      }
    }
  });

  it('TestHeartbeatUpdateCommit2AB', () => {
    for (const [failures, successes] of [
      [1, 1],
      [5, 3],
      [5, 10],
    ] as const) {
      const network = Network.of(3);
      network.campaign(1);
      network.isolate(1);
      for (let i = 0; i < failures; i++) network.propose(1, 'lost');
      expect(network.raw(1).committed).toBe(1);
      network.campaign(2);
      for (let i = 0; i < successes; i++) network.propose(2, 'kept');
      expect(committed(network).slice(1)).toEqual([2 + successes, 2 + successes]);

      // Node 1 has entries at those indices, but others: a heartbeat must not commit them.
      network.recover();
      network.ignore('MsgApp');
      network.beat(2);
      expect(network.raw(1)).toMatchObject({ lead: 2, committed: 1 });
    }
  });
});
