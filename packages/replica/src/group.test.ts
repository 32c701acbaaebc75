import { limits } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { makeMessage } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import { Group } from './group.js';
import { emptyGroupState } from './group-storage.js';

function group(
  recovered = false,
  readOnly: () => string | undefined = () => undefined,
): { group: Group; env: ReturnType<typeof fakeEnv> } {
  const env = fakeEnv();
  const owner = {
    env,
    config: {
      tickMs: 100,
      electionTicks: 10,
      heartbeatTicks: 2,
      barrierIntervalMs: 1000,
      barrierBytes: 1_000_000,
      logGcIntervalMs: 1000,
      logGcEntries: 100,
    },
    touch: () => undefined,
    makeSnapshot: () => undefined,
    voidsLease: () => false,
    isFenced: () => false,
    damaged: () => undefined,
    readOnly,
  };
  const confState = {
    voters: [1, 2, 3],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  const state = emptyGroupState({ term: 5, vote: 0, commit: 5 }, { index: 5, term: 5 });
  return { group: new Group(owner, { id: 9, peerId: 1, state, confState, recovered }), env };
}

describe('group', () => {
  it('drops what its inbox has no room for, as a network would', () => {
    const { group: one } = group();
    const heartbeat = (term: number) => makeMessage({ type: 'MsgHeartbeat', from: 2, to: 1, term });
    for (let i = 0; i < limits.peerInboxMessagesMax; i++) one.receive(heartbeat(6));
    one.receive(heartbeat(7));
    one.stepInbox();
    expect(one.node.term).toBe(6);
    one.receive(heartbeat(7));
    one.stepInbox();
    expect(one.node.term).toBe(7);
  });

  it('drops entries while the memory of all groups is full, but lets some in now and then', () => {
    const { group: one, env } = group();
    const entries = [
      { term: 5, index: 6, type: 'EntryNormal' as const, data: new Uint8Array(100) },
    ];
    const append = makeMessage({
      type: 'MsgApp',
      from: 2,
      to: 1,
      term: 5,
      logTerm: 5,
      index: 5,
      entries,
    });
    const heartbeat = makeMessage({ type: 'MsgHeartbeat', from: 2, to: 1, term: 6 });
    const rest = one.budget.limit;
    one.budget.reserve(rest);
    env.clock.advance(5_000);
    one.receive(append);
    one.receive(append);
    expect(one.budget.used).toBeGreaterThan(rest);
    const withOne = one.budget.used;
    one.receive(heartbeat);
    one.stepInbox();
    expect(one.budget.used).toBe(rest);
    expect([one.node.term, one.node.lastIndex]).toEqual([6, 6]);
    one.receive(append);
    expect(one.budget.used).toBe(rest);
    env.clock.advance(1_000);
    one.receive(append);
    expect(one.budget.used).toBe(withOne);
    one.destroy();
    expect(one.budget.used).toBe(rest);
  });

  it('takes a peer for active for one election timeout after its last answer', () => {
    const { group: one, env } = group();
    expect(one.isActive(2)).toBe(false);
    one.receive(makeMessage({ type: 'MsgAppResp', from: 2, to: 1, term: 5, index: 5 }));
    one.stepInbox();
    env.clock.advance(1_000);
    expect(one.isActive(2)).toBe(true);
    env.clock.advance(1);
    expect(one.isActive(2)).toBe(false);
  });

  it('read back from disk refuses votes for one election timeout: it may have promised not to vote', () => {
    const { group: one, env } = group(true);
    const vote = makeMessage({
      type: 'MsgVote',
      from: 2,
      to: 1,
      term: 6,
      logTerm: 5,
      index: 5,
    });
    one.receive(vote);
    one.stepInbox();
    expect([one.node.term, one.node.vote]).toEqual([5, 0]);
    env.clock.advance(1_000);
    one.receive(vote);
    one.stepInbox();
    expect([one.node.term, one.node.vote]).toEqual([6, 2]);
  });

  it('asks for no votes while the disk under its log is full, not even when it is told to', () => {
    let reason: string | undefined = 'no space left';
    const { group: one } = group(false, () => reason);
    const timeoutNow = makeMessage({ type: 'MsgTimeoutNow', from: 2, to: 1, term: 5 });
    one.receive(timeoutNow);
    one.stepInbox();
    for (let i = 0; i < 100; i++) one.tick();
    expect(one.node.state).toBe('StateFollower');
    reason = undefined;
    one.receive(timeoutNow);
    one.stepInbox();
    expect(one.node.state).toBe('StateCandidate');
  });

  it('made while the process runs has promised nothing and votes at once', () => {
    const { group: one } = group();
    one.receive(makeMessage({ type: 'MsgVote', from: 2, to: 1, term: 6, logTerm: 5, index: 5 }));
    one.stepInbox();
    expect(one.node.vote).toBe(2);
  });
});
