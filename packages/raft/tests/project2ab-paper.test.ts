import { utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { type Entry, makeMessage } from '../src/index.js';
import { describeLog, entriesOf, entry, Network, SyncNode } from './harness.js';

// The tests of the TinyKV course under their names: what the Raft paper says of the log.

/** Leads a group of `size` in term 1 and has committed the empty entry that opened it. */
function leaderOf(size: number): SyncNode {
  const leader = new SyncNode({ voters: Array.from({ length: size }, (_, i) => i + 1) });
  leader.winElection();
  leader.acceptAppends();
  expect(leader.raw).toMatchObject({ committed: 1, lastIndex: 1 });
  leader.applied.length = 0;
  return leader;
}

describe('project 2AB: the paper on leaders and their log', () => {
  // §5.3: a proposal is appended and sent to all in parallel, with what precedes it in the log.
  it('TestLeaderStartReplication2AB', () => {
    const leader = leaderOf(3);
    leader.raw.propose(utf8('some data'));
    const ready = leader.handleReady();
    expect(describeLog(ready.entries)).toEqual(['1/2 some data']);
    expect(ready.mustSync).toBe(true);
    expect(leader.raw).toMatchObject({ lastIndex: 2, committed: 1 });
    const append = 'MsgApp Term:1 Log:1/1 Commit:1 Entries:[1/2 EntryNormal "some data"]';
    expect(leader.sent()).toEqual([`1->2 ${append}`, `1->3 ${append}`]);
    expect(leader.log).toEqual(['1/1', '1/2 some data']);
  });

  // §5.3: what is on a majority is applied, and later messages tell the followers.
  it('TestLeaderCommitEntry2AB', () => {
    const leader = leaderOf(3);
    leader.propose('some data');
    for (const m of leader.takeMessages()) {
      leader.step({ type: 'MsgAppResp', from: m.to, term: 1, index: 2 });
    }
    expect(leader.raw.committed).toBe(2);
    expect(describeLog(leader.applied)).toEqual(['1/2 some data']);
    // The second acknowledgement commits nothing more, so each follower is told once.
    expect(leader.sent()).toEqual([
      '1->2 MsgApp Term:1 Log:1/2 Commit:2',
      '1->3 MsgApp Term:1 Log:1/2 Commit:2',
    ]);
  });

  it('TestLeaderAcknowledgeCommit2AB', () => {
    const cases: readonly [size: number, acceptors: number[], committed: boolean][] = [
      [1, [], true],
      [3, [], false],
      [3, [2], true],
      [3, [2, 3], true],
      [5, [], false],
      [5, [2], false],
      [5, [2, 3], true],
      [5, [2, 3, 4], true],
      [5, [2, 3, 4, 5], true],
    ];
    for (const [size, acceptors, committed] of cases) {
      const leader = leaderOf(size);
      leader.propose('some data');
      leader.acceptAppends(acceptors);
      expect(leader.raw.committed, `${acceptors} of ${size}`).toBe(committed ? 2 : 1);
    }
  });

  // §5.3: with an entry all that precede it are committed, those of earlier leaders too.
  it('TestLeaderCommitPrecedingEntries2AB', () => {
    for (const terms of [[], [2], [1, 2], [1]]) {
      const leader = new SyncNode({ terms, hardState: { term: 2 } });
      leader.winElection();
      leader.propose('some data');
      leader.acceptAppends();
      const last = terms.length;
      expect(describeLog(leader.applied)).toEqual([
        ...describeLog(entriesOf(terms)),
        `3/${last + 1}`,
        `3/${last + 2} some data`,
      ]);
    }
  });

  // §5.4.2: entries of earlier terms are not committed by counting their replicas.
  it('TestLeaderOnlyCommitsLogFromCurrentTerm2AB', () => {
    const cases: readonly [acknowledged: number, committed: number][] = [
      [1, 0],
      [2, 0],
      [3, 3],
      [4, 4],
    ];
    for (const [index, committed] of cases) {
      const leader = new SyncNode({ voters: [1, 2], terms: [1, 2], hardState: { term: 2 } });
      leader.winElection();
      leader.propose('data');
      expect(leader.log).toEqual(['1/1', '2/2', '3/3', '3/4 data']);
      leader.step({ type: 'MsgAppResp', from: 2, term: 3, index });
      expect(leader.raw.committed, `${index}`).toBe(committed);
    }
  });
});

describe('project 2AB: the paper on followers and their log', () => {
  it('TestFollowerCommitEntry2AB', () => {
    const cases: readonly [texts: string[], commit: number][] = [
      [['some data'], 1],
      [['some data', 'some data2'], 2],
      [['some data2', 'some data'], 2],
      [['some data', 'some data2'], 1],
    ];
    for (const [texts, commit] of cases) {
      const follower = new SyncNode();
      follower.follow(2, 1);
      const entries = texts.map((text, i) => entry(1, i + 1, text));
      follower.step({ type: 'MsgApp', from: 2, term: 1, entries, commit });
      expect(follower.raw.committed).toBe(commit);
      expect(describeLog(follower.applied)).toEqual(describeLog(entries.slice(0, commit)));
    }
  });

  // §5.3: an append is refused unless the log has the entry that it follows.
  it('TestFollowerCheckMessageType_MsgAppend2AB', () => {
    const cases: readonly [index: number, logTerm: number, answer: string][] = [
      // Before the committed entry: surely there.
      [0, 0, 'Log:0/1'],
      [1, 1, 'Log:0/1'],
      // An uncommitted entry that matches.
      [2, 2, 'Log:0/2'],
      // Another term at that index; beyond the end. The hint says where the logs may match.
      [2, 1, 'Log:1/2 Rejected (Hint: 1)'],
      [3, 3, 'Log:2/3 Rejected (Hint: 2)'],
    ];
    for (const [index, logTerm, answer] of cases) {
      const follower = new SyncNode({ terms: [1, 2], hardState: { term: 2, commit: 1 } });
      follower.step({ type: 'MsgApp', from: 2, term: 2, index, logTerm });
      expect(follower.sent(), `${logTerm}/${index}`).toEqual([`1->2 MsgAppResp Term:2 ${answer}`]);
    }
  });

  // §5.3: a conflicting entry goes with all that follow it; what is there already stays.
  it('TestFollowerAppendEntries2AB', () => {
    const cases: readonly [index: number, logTerm: number, sent: Entry[], log: string[]][] = [
      [2, 2, [entry(3, 3)], ['1/1', '2/2', '3/3']],
      [1, 1, [entry(3, 2), entry(4, 3)], ['1/1', '3/2', '4/3']],
      // A late message about what the log has does not shorten it.
      [0, 0, [entry(1, 1)], ['1/1', '2/2']],
      [0, 0, [entry(3, 1)], ['3/1']],
    ];
    for (const [index, logTerm, entries, log] of cases) {
      const follower = new SyncNode({ terms: [1, 2] });
      follower.follow(2, 4);
      const append = { type: 'MsgApp', from: 2, to: 1, term: 4, index, logTerm, entries } as const;
      follower.raw.step(makeMessage(append));
      const written = follower.handleReady().entries;
      follower.work();
      expect(follower.log).toEqual(log);
      // Only what is new is written.
      const isNew = !(entries.length === 1 && log.length === 2);
      expect(describeLog(written)).toEqual(isNew ? describeLog(entries) : []);
    }
  });

  // §5.3, figure 7: whatever a follower's log is, the leader makes it its own.
  it('TestLeaderSyncFollowerLog2AB', () => {
    const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const followers: readonly number[][] = [
      [1, 1, 1, 4, 4, 5, 5, 6, 6],
      [1, 1, 1, 4],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      [1, 1, 1, 4, 4, 4, 4],
      [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ];
    for (const terms of followers) {
      const leader = new SyncNode({ terms: leaderTerms, hardState: { term: 8, commit: 10 } });
      const follower = new SyncNode({ id: 2, terms, hardState: { term: 7 } });
      // The follower's log may be the better one: the third node must vote for the leader.
      const network = new Network([leader, follower]);
      network.campaign(1);
      network.deliver({ type: 'MsgVoteResp', from: 3, to: 1, term: 9 });
      network.propose(1);
      expect(leader.raw).toMatchObject({ state: 'StateLeader', committed: 12 });
      expect(follower.log).toEqual(leader.log);
      expect(follower.raw.committed).toBe(12);
    }
  });
});

describe('project 2AB: the paper on votes and the log', () => {
  // §5.4.1: a vote request says how far the candidate's log reaches.
  it('TestVoteRequest2AB', () => {
    for (const terms of [[1], [1, 2]]) {
      const node = new SyncNode();
      const term = terms.at(-1)!;
      node.step({ type: 'MsgApp', from: 2, term, entries: entriesOf(terms) });
      node.takeMessages();
      while (node.raw.state !== 'StateCandidate') node.tick();
      const request = `MsgVote Term:${term + 1} Log:${term}/${terms.length}`;
      expect(node.sent()).toEqual([`1->2 ${request}`, `1->3 ${request}`]);
    }
  });

  // §5.4.1: no vote for a log that is behind: by the term of its last entry, then by its length.
  it('TestVoter2AB', () => {
    const cases: readonly [terms: number[], logTerm: number, index: number, reject: boolean][] = [
      [[1], 1, 1, false],
      [[1], 1, 2, false],
      [[1, 1], 1, 1, true],
      [[1], 2, 1, false],
      [[1], 2, 2, false],
      [[1, 1], 2, 1, false],
      [[2], 1, 1, true],
      [[2], 1, 2, true],
      [[1, 2], 1, 1, true],
      [[1, 2], 1, 3, true],
    ];
    for (const [terms, logTerm, index, reject] of cases) {
      const voter = new SyncNode({ voters: [1, 2], terms });
      voter.step({ type: 'MsgVote', from: 2, term: 3, logTerm, index });
      const [answer, ...more] = voter.takeMessages();
      expect(answer).toMatchObject({ type: 'MsgVoteResp', to: 2, term: 3, reject });
      expect(more).toEqual([]);
      expect(voter.raw.vote).toBe(reject ? 0 : 2);
    }
  });
});
