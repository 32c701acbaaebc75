import { describe, expect, it } from 'vitest';
import type { StateType } from '../src/index.js';
import { SyncNode } from './harness.js';

// The tests of the TinyKV course under their names: what the Raft paper says of elections.

type Role = 'StateFollower' | 'StateCandidate' | 'StateLeader';

/** A node of a group of three in term 1. */
function nodeAs(role: Role): SyncNode {
  const node = new SyncNode();
  if (role === 'StateFollower') node.follow(2, 1);
  else if (role === 'StateCandidate') node.campaign();
  else node.winElection();
  node.takeMessages();
  expect(node.raw).toMatchObject({ state: role, term: 1 });
  return node;
}

describe('project 2AA: the paper on elections', () => {
  // §5.1: whoever meets a higher term takes it over; candidates and leaders become followers.
  const updatesTerm = (role: Role): void => {
    const node = nodeAs(role);
    node.step({ type: 'MsgApp', from: 2, term: 2 });
    expect(node.raw).toMatchObject({ state: 'StateFollower', term: 2, lead: 2, vote: 0 });
    expect(node.storage.initialState().hardState.term).toBe(2);
  };

  it('TestFollowerUpdateTermFromMessage2AA', () => updatesTerm('StateFollower'));
  it('TestCandidateUpdateTermFromMessage2AA', () => updatesTerm('StateCandidate'));
  it('TestLeaderUpdateTermFromMessage2AA', () => updatesTerm('StateLeader'));

  it('TestStartAsFollower2AA', () => {
    const { raw } = new SyncNode();
    expect(raw).toMatchObject({ state: 'StateFollower', term: 0, vote: 0, lead: 0 });
    expect(raw.hasReady()).toBe(false);
  });

  it('TestLeaderBcastBeat2AA', () => {
    const heartbeatTicks = 3;
    const leader = new SyncNode({ config: { heartbeatTicks } });
    leader.winElection();
    leader.propose('data');
    leader.takeMessages();

    leader.tick(heartbeatTicks - 1);
    expect(leader.sent()).toEqual([]);
    leader.tick();
    // Neither index nor term nor entries; and no commit index, for nothing is known to match.
    expect(leader.sent()).toEqual([
      '1->2 MsgHeartbeat Term:1 Log:0/0',
      '1->3 MsgHeartbeat Term:1 Log:0/0',
    ]);
  });

  // §5.2: who hears of no leader for an election timeout opens the next term, votes for itself and asks
  // all others. A candidate without a majority does the same again.
  const startsElection = (role: 'StateFollower' | 'StateCandidate'): void => {
    const node = nodeAs(role);
    const electionTicks = 10;
    node.tick(electionTicks - 1);
    expect(node.raw.term).toBe(1);
    // The timeout is under twice the election ticks, so by now it has struck exactly once.
    node.tick(electionTicks);
    expect(node.raw).toMatchObject({ state: 'StateCandidate', term: 2, vote: 1 });
    expect(node.storage.initialState().hardState).toMatchObject({ term: 2, vote: 1 });
    expect(node.sent()).toEqual(['1->2 MsgVote Term:2 Log:0/0', '1->3 MsgVote Term:2 Log:0/0']);
  };

  it('TestFollowerStartElection2AA', () => startsElection('StateFollower'));
  it('TestCandidateStartNewElection2AA', () => startsElection('StateCandidate'));

  it('TestLeaderElectionInOneRoundRPC2AA', () => {
    const cases: readonly [size: number, votes: Record<number, boolean>, outcome: StateType][] = [
      [1, {}, 'StateLeader'],
      [3, { 2: true, 3: true }, 'StateLeader'],
      [3, { 2: true }, 'StateLeader'],
      [5, { 2: true, 3: true, 4: true, 5: true }, 'StateLeader'],
      [5, { 2: true, 3: true, 4: true }, 'StateLeader'],
      [5, { 2: true, 3: true }, 'StateLeader'],
      // Undecided.
      [3, {}, 'StateCandidate'],
      [5, { 2: true }, 'StateCandidate'],
      [5, { 2: false, 3: false }, 'StateCandidate'],
      [5, {}, 'StateCandidate'],
      // Lost: no majority is left to win.
      [3, { 2: false, 3: false }, 'StateFollower'],
      [5, { 2: false, 3: false, 4: false }, 'StateFollower'],
    ];
    for (const [size, votes, outcome] of cases) {
      const voters = Array.from({ length: size }, (_, i) => i + 1);
      const node = new SyncNode({ voters });
      node.campaign();
      for (const [id, granted] of Object.entries(votes)) {
        node.step({ type: 'MsgVoteResp', from: Number(id), term: 1, reject: !granted });
      }
      expect(node.raw, `${size} ${JSON.stringify(votes)}`).toMatchObject({
        state: outcome,
        term: 1,
      });
    }
  });

  it('TestFollowerVote2AA', () => {
    const cases: readonly [votedFor: number, candidate: number, reject: boolean][] = [
      [0, 2, false],
      [0, 3, false],
      [2, 2, false],
      [3, 3, false],
      [2, 3, true],
      [3, 2, true],
    ];
    for (const [vote, candidate, reject] of cases) {
      const node = new SyncNode({ hardState: { term: 1, vote } });
      node.step({ type: 'MsgVote', from: candidate, term: 1 });
      expect(node.sent()).toEqual([
        `1->${candidate} MsgVoteResp Term:1 Log:0/0${reject ? ' Rejected (Hint: 0)' : ''}`,
      ]);
      // The vote outlives a crash.
      expect(node.storage.initialState().hardState.vote).toBe(vote === 0 ? candidate : vote);
    }
  });

  it('TestCandidateFallback2AA', () => {
    for (const term of [1, 2]) {
      const node = nodeAs('StateCandidate');
      node.step({ type: 'MsgApp', from: 2, term });
      expect(node.raw).toMatchObject({ state: 'StateFollower', term, lead: 2 });
    }
  });

  /** Brings a node to the start of a wait for an election, in a term of its own. */
  const restartTimeout = (node: SyncNode, role: 'StateFollower' | 'StateCandidate'): void => {
    if (role === 'StateFollower') node.follow(node.id === 1 ? 2 : 1, node.raw.term + 1);
    else node.campaign();
    node.takeMessages();
  };

  const drawsAllTimeouts = (role: 'StateFollower' | 'StateCandidate'): void => {
    const electionTicks = 10;
    const node = new SyncNode();
    const seen = new Set<number>();
    for (let round = 0; round < 50 * electionTicks; round++) {
      restartTimeout(node, role);
      let ticks = 0;
      for (; node.takeMessages().length === 0; ticks++) node.tick();
      seen.add(ticks);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  };

  it('TestFollowerElectionTimeoutRandomized2AA', () => drawsAllTimeouts('StateFollower'));
  it('TestCandidateElectionTimeoutRandomized2AA', () => drawsAllTimeouts('StateCandidate'));

  const seldomConflicts = (role: 'StateFollower' | 'StateCandidate'): void => {
    const voters = [1, 2, 3, 4, 5];
    const nodes = voters.map((id) => new SyncNode({ id, voters }));
    const rounds = 1_000;
    let conflicts = 0;
    for (let round = 0; round < rounds; round++) {
      for (const node of nodes) restartTimeout(node, role);
      let timedOut = 0;
      while (timedOut === 0) {
        for (const node of nodes) {
          node.tick();
          if (node.takeMessages().length > 0) timedOut++;
        }
      }
      if (timedOut > 1) conflicts++;
    }
    expect(conflicts / rounds).toBeLessThanOrEqual(0.3);
  };

  it('TestFollowersElectionTimeoutNonconflict2AA', () => seldomConflicts('StateFollower'));
  it('TestCandidatesElectionTimeoutNonconflict2AA', () => seldomConflicts('StateCandidate'));
});
