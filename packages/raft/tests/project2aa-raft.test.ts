import { describe, expect, it } from 'vitest';
import type { MessageType, StateType } from '../src/index.js';
import { Network, SyncNode } from './harness.js';

// The tests of the TinyKV course under their names: elections among several nodes.

function states(network: Network): StateType[] {
  return network.nodes.map((node) => node.raw.state);
}

function terms(network: Network): number[] {
  return network.nodes.map((node) => node.raw.term);
}

describe('project 2AA: elections', () => {
  it('TestLeaderElection2AA', () => {
    const cases: readonly [size: number, dead: number[], outcome: StateType][] = [
      [3, [], 'StateLeader'],
      [3, [3], 'StateLeader'],
      [3, [2, 3], 'StateCandidate'],
      [4, [2, 3], 'StateCandidate'],
      [5, [2, 3], 'StateLeader'],
    ];
    for (const [size, dead, outcome] of cases) {
      const network = Network.of(size, dead);
      network.campaign(1);
      expect(network.raw(1), `${size} without ${dead}`).toMatchObject({ state: outcome, term: 1 });
    }
  });

  it('TestLeaderCycle2AA', () => {
    const network = Network.of(3);
    for (const id of [1, 2, 3]) {
      network.campaign(id);
      for (const { raw } of network.nodes) {
        const state = raw.id === id ? 'StateLeader' : 'StateFollower';
        expect(raw).toMatchObject({ state, term: id, lead: id });
      }
    }
  });

  it('TestVoteFromAnyState2AA', () => {
    const prepare: Record<string, (node: SyncNode) => void> = {
      follower: (node) => node.follow(3, 1),
      candidate: (node) => node.campaign(),
      leader: (node) => node.winElection(),
    };
    for (const [role, bringThere] of Object.entries(prepare)) {
      const node = new SyncNode();
      bringThere(node);
      node.takeMessages();
      const term = node.raw.term + 1;
      node.step({ type: 'MsgVote', from: 2, term, logTerm: term, index: 42 });
      expect(node.sent(), role).toEqual([`1->2 MsgVoteResp Term:${term} Log:0/0`]);
      expect(node.raw, role).toMatchObject({ state: 'StateFollower', term, vote: 2 });
    }
  });

  it('TestSingleNodeCandidate2AA', () => {
    const network = Network.of(1);
    network.campaign(1);
    expect(network.raw(1).state).toBe('StateLeader');
  });

  /** A candidate that was cut off comes back into the term of the leader by any of its messages. */
  const resetsTerm = (type: MessageType): void => {
    const network = Network.of(3);
    network.campaign(1);
    expect(states(network)).toEqual(['StateLeader', 'StateFollower', 'StateFollower']);

    network.isolate(3);
    network.campaign(2);
    network.campaign(1);
    expect(states(network)).toEqual(['StateLeader', 'StateFollower', 'StateFollower']);
    const candidate = network.node(3);
    while (candidate.raw.state !== 'StateCandidate') candidate.tick();
    candidate.takeMessages();

    network.recover();
    const { term } = network.raw(1);
    expect(candidate.raw.term).toBeLessThan(term);
    network.deliver({ type, from: 1, to: 3, term });
    expect(candidate.raw).toMatchObject({ state: 'StateFollower', term, lead: 1 });
  };

  it('TestCandidateResetTermMessageType_MsgHeartbeat2AA', () => resetsTerm('MsgHeartbeat'));
  it('TestCandidateResetTermMessageType_MsgAppend2AA', () => resetsTerm('MsgApp'));

  it('TestDisruptiveFollower2AA', () => {
    // The answer that frees a candidate of a higher term belongs to check-quorum here: without that
    // option, and without pre-vote, its next vote request is heard and does the same.
    const network = Network.of(3, [], { checkQuorum: true });
    network.campaign(1);
    expect(terms(network)).toEqual([1, 1, 1]);

    // The leader's messages are late, and node 3 times out.
    const slow = network.node(3);
    while (slow.raw.state !== 'StateCandidate') slow.tick();
    slow.takeMessages();
    expect(states(network)).toEqual(['StateLeader', 'StateFollower', 'StateCandidate']);
    expect(terms(network)).toEqual([1, 1, 2]);

    // A heartbeat of the lower term arrives; the answer deposes the leader.
    network.deliver({ type: 'MsgHeartbeat', from: 1, to: 3, term: 1 });
    expect(network.raw(1)).toMatchObject({ state: 'StateFollower', term: 2 });
    expect(slow.raw.state).toBe('StateCandidate');
  });

  it('TestRecvMessageType_MsgBeat2AA', () => {
    const leader = new SyncNode();
    leader.winElection();
    leader.takeMessages();
    leader.tick();
    expect(leader.sent()).toEqual([
      '1->2 MsgHeartbeat Term:1 Log:0/0',
      '1->3 MsgHeartbeat Term:1 Log:0/0',
    ]);

    const candidate = new SyncNode();
    candidate.campaign();
    candidate.takeMessages();
    candidate.tick();
    expect(candidate.sent()).toEqual([]);

    const follower = new SyncNode();
    follower.follow(2, 1);
    follower.tick();
    expect(follower.sent()).toEqual([]);
  });

  it('TestCampaignWhileLeader2AA', () => {
    const node = new SyncNode({ voters: [1] });
    expect(node.raw.state).toBe('StateFollower');
    node.campaign();
    expect(node.raw).toMatchObject({ state: 'StateLeader', term: 1 });
    node.campaign();
    expect(node.raw).toMatchObject({ state: 'StateLeader', term: 1, lastIndex: 1 });
  });

  it('TestSplitVote2AA', () => {
    const network = Network.of(3);
    network.campaign(1);
    // The leader is gone, and both followers campaign before either hears of the other.
    network.isolate(1);
    network.node(2).campaign();
    network.node(3).campaign();
    network.settle();
    expect(terms(network)).toEqual([1, 2, 2]);
    expect(states(network).slice(1)).toEqual(['StateCandidate', 'StateCandidate']);

    // The next round decides.
    network.campaign(2);
    expect(terms(network)).toEqual([1, 3, 3]);
    expect(states(network).slice(1)).toEqual(['StateLeader', 'StateFollower']);
  });
});
