import { CAMPAIGN_TRANSFER_CONTEXT } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import { DrivenGroup, ELECTION_MS } from './driven-group.js';

const UP_TO_DATE = { index: 5, logTerm: 5 };

/** A follower that has acknowledged a heartbeat of peer 2, the leader of term 5. */
function follower(): DrivenGroup {
  const driven = new DrivenGroup();
  driven.receive({ type: 'MsgHeartbeat', from: 2, term: 5 });
  expect(driven.group.node.lead).toBe(2);
  return driven;
}

describe('the promise not to vote after a message of a leader', () => {
  it.each(['MsgPreVoteResp', 'MsgVoteResp'] as const)(
    'outlasts a late refusal by %s that makes the peer a follower of nobody',
    (type) => {
      const driven = follower();
      driven.receive({ type, from: 3, term: 7, reject: true });
      expect([driven.group.node.lead, driven.term]).toEqual([0, 7]);
      driven.env.clock.advance(ELECTION_MS - 1);
      expect(driven.grants({ type: 'MsgPreVote', from: 3, term: 8, ...UP_TO_DATE })).toBe(false);
      expect(driven.grants({ type: 'MsgVote', from: 3, term: 8, ...UP_TO_DATE })).toBe(false);
      expect(driven.term).toBe(7);
      driven.env.clock.advance(1);
      expect(driven.grants({ type: 'MsgPreVote', from: 3, term: 8, ...UP_TO_DATE })).toBe(true);
      expect(driven.grants({ type: 'MsgVote', from: 3, term: 8, ...UP_TO_DATE })).toBe(true);
    },
  );

  it('outlasts any other message of a higher term', () => {
    for (const type of ['MsgAppResp', 'MsgHeartbeatResp'] as const) {
      const driven = follower();
      driven.receive({ type, from: 3, term: 7, context: new Uint8Array(8) });
      expect([driven.group.node.lead, driven.term]).toEqual([0, 7]);
      expect(driven.grants({ type: 'MsgVote', from: 3, term: 8, ...UP_TO_DATE })).toBe(false);
    }
  });

  it.each(['MsgApp', 'MsgHeartbeat'] as const)('begins with %s', (type) => {
    const driven = new DrivenGroup();
    driven.receive({ type, from: 2, term: 5, ...UP_TO_DATE });
    driven.receive({ type: 'MsgVoteResp', from: 3, term: 7, reject: true });
    expect(driven.grants({ type: 'MsgVote', from: 3, term: 8, ...UP_TO_DATE })).toBe(false);
  });

  it('does not begin with a message of a leader that is none any more', () => {
    const driven = new DrivenGroup();
    driven.receive({ type: 'MsgHeartbeat', from: 2, term: 4 });
    expect(driven.grants({ type: 'MsgVote', from: 3, term: 8, ...UP_TO_DATE })).toBe(true);
  });

  it('does not stand in the way of a transfer: that leader has given its lease up', () => {
    const driven = follower();
    const context = CAMPAIGN_TRANSFER_CONTEXT;
    const vote = { type: 'MsgVote', from: 3, term: 6, context, ...UP_TO_DATE } as const;
    expect(driven.grants(vote)).toBe(true);
  });

  it('holds off a campaign that no time-out has caused', () => {
    const driven = follower();
    driven.receive({ type: 'MsgVoteResp', from: 3, term: 7, reject: true });
    driven.group.campaign();
    expect(driven.group.node.state).toBe('StateFollower');
    driven.env.clock.advance(ELECTION_MS);
    driven.group.campaign();
    expect(driven.group.node.state).toBe('StatePreCandidate');
  });

  it('is kept by the group that takes the place of another', () => {
    const { group: early } = follower();
    const child = new DrivenGroup({ promisedUntil: early.promisedUntil });
    const vote = { type: 'MsgVote', from: 3, term: 6, ...UP_TO_DATE } as const;
    expect(child.grants(vote)).toBe(false);
    child.env.clock.advance(ELECTION_MS);
    expect(child.grants(vote)).toBe(true);
  });
});

describe('a promise that a restart may have forgotten', () => {
  it('is kept for one election timeout by a peer that knows no voters yet', () => {
    const driven = new DrivenGroup({ voters: [], recovered: true });
    const vote = { type: 'MsgVote', from: 2, term: 6, ...UP_TO_DATE } as const;
    expect(driven.grants(vote)).toBe(false);
    driven.env.clock.advance(ELECTION_MS - 1);
    expect(driven.grants(vote)).toBe(false);
    driven.env.clock.advance(1);
    expect(driven.grants(vote)).toBe(true);
  });

  it('does not keep the only voter from leading', () => {
    const driven = new DrivenGroup({ voters: [1], recovered: true });
    driven.lead();
    expect(driven.group.isLeader).toBe(true);
  });
});
