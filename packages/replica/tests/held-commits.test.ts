import { utf8 } from '@tinykv/base';
import type { Message } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import { change, DrivenGroup, SPLIT } from './driven-group.js';

const DATA = utf8('data entry');
const HOLD_MS = 10;

/** The leader of three that has nothing to do and nothing to tell. */
function leader(): DrivenGroup {
  const driven = new DrivenGroup({ commitHoldMs: HOLD_MS });
  driven.lead();
  driven.acknowledge(3);
  driven.env.clock.advance(HOLD_MS);
  driven.sent.length = 0;
  return driven;
}

/** Proposes an entry and commits it: it is durable here, and peer 2 has it. */
function commit(driven: DrivenGroup, data = DATA): number {
  const index = driven.propose(data);
  driven.persist();
  driven.acknowledge(2);
  expect(driven.group.node.committed).toBe(index);
  return index;
}

/** The messages that have left since the last look, by type, receiver, entries and commit index. */
function take(driven: DrivenGroup): string[] {
  const text = ({ type, to, entries, commit: committed }: Message): string =>
    `${type} to ${to}: ${entries.length} entries, commit ${committed}`;
  return driven.sent.splice(0).map(text);
}

describe('a commit index', () => {
  it('travels with the next entries', () => {
    const driven = leader();
    const first = commit(driven);
    expect(take(driven)).toEqual([
      `MsgApp to 2: 1 entries, commit ${first - 1}`,
      `MsgApp to 3: 1 entries, commit ${first - 1}`,
    ]);
    driven.apply();
    driven.propose(DATA);
    expect(take(driven)).toEqual([
      `MsgApp to 2: 1 entries, commit ${first}`,
      `MsgApp to 3: 1 entries, commit ${first}`,
    ]);
    driven.env.clock.advance(10 * HOLD_MS);
    expect(take(driven)).toEqual([]);
  });

  it('travels by itself once it has waited', () => {
    const driven = leader();
    const index = commit(driven);
    take(driven);
    driven.env.clock.advance(HOLD_MS - 1);
    expect(take(driven)).toEqual([]);
    driven.env.clock.advance(1);
    expect(take(driven)).toEqual([
      `MsgApp to 2: 0 entries, commit ${index}`,
      `MsgApp to 3: 0 entries, commit ${index}`,
    ]);
    driven.env.clock.advance(10 * HOLD_MS);
    expect(take(driven)).toEqual([]);
  });

  it('waits no longer because a newer one comes', () => {
    const driven = leader();
    driven.propose(DATA);
    const last = driven.propose(DATA);
    driven.persist();
    take(driven);
    driven.receive({ type: 'MsgAppResp', from: 2, term: driven.term, index: last - 1 });
    driven.env.clock.advance(HOLD_MS - 1);
    driven.acknowledge(2);
    expect(take(driven)).toEqual([]);
    driven.env.clock.advance(1);
    expect(take(driven)).toEqual([
      `MsgApp to 2: 0 entries, commit ${last}`,
      `MsgApp to 3: 0 entries, commit ${last}`,
    ]);
  });

  it('waits as long as the one before it did, although the timer was set for that one', () => {
    const driven = leader();
    commit(driven);
    driven.env.clock.advance(HOLD_MS - 1);
    const second = commit(driven);
    take(driven);
    driven.env.clock.advance(HOLD_MS - 1);
    expect(take(driven)).toEqual([]);
    driven.env.clock.advance(1);
    expect(take(driven)).toContain(`MsgApp to 2: 0 entries, commit ${second}`);
  });

  it('of a split, of a new learner, of its promotion and of a removal travels at once', () => {
    const driven = leader();
    const changes = [
      change({ type: 'ConfChangeAddLearnerNode', nodeId: 4 }),
      change({ type: 'ConfChangeAddNode', nodeId: 4 }),
      change({ type: 'ConfChangeRemoveNode', nodeId: 3 }),
    ];
    const split = commit(driven, SPLIT);
    expect(take(driven)).toContain(`MsgApp to 2: 0 entries, commit ${split}`);
    driven.apply();
    for (const one of changes) {
      const index = driven.proposeChange(one);
      driven.persist();
      driven.acknowledge(2);
      driven.acknowledge(3);
      expect(driven.group.node.committed).toBe(index);
      expect(take(driven)).toContain(`MsgApp to 2: 0 entries, commit ${index}`);
      driven.apply();
    }
  });

  it('behind such an entry travels at once, until that is applied', () => {
    const driven = leader();
    commit(driven, SPLIT);
    const behind = commit(driven);
    expect(take(driven)).toContain(`MsgApp to 2: 0 entries, commit ${behind}`);
    driven.apply();
    commit(driven);
    expect(take(driven)).not.toContain(`MsgApp to 2: 0 entries, commit ${behind + 1}`);
  });

  it('of the first entry of a term travels at once: it commits what earlier leaders left', () => {
    const driven = new DrivenGroup({ commitHoldMs: HOLD_MS });
    driven.lead();
    const { committed } = driven.group.node;
    expect(take(driven)).toContain(`MsgApp to 2: 0 entries, commit ${committed}`);
  });

  it('leaves before the leadership does, and none waits after that', () => {
    const driven = leader();
    const index = commit(driven);
    take(driven);
    driven.group.node.transferLeader(2);
    driven.turn();
    expect(take(driven)).toEqual([
      `MsgApp to 2: 0 entries, commit ${index}`,
      `MsgApp to 3: 0 entries, commit ${index}`,
      'MsgTimeoutNow to 2: 0 entries, commit 0',
    ]);
    driven.acknowledge(3);
    driven.env.clock.advance(HOLD_MS);
    expect(take(driven)).toEqual([]);
  });

  it('leaves before the read index that a follower has asked for', () => {
    const driven = leader();
    const index = commit(driven);
    driven.apply();
    take(driven);
    const context = utf8('a read');
    driven.receive({ type: 'MsgReadIndex', from: 3, context });
    const beats = driven.sent.splice(0).filter(({ type }) => type === 'MsgHeartbeat');
    for (const beat of beats) {
      if (beat.to === 2) {
        const { term, context: stamped } = beat;
        driven.receive({ type: 'MsgHeartbeatResp', from: 2, term, context: stamped });
      }
    }
    expect(driven.sent.map(({ type, to }) => `${type} to ${to}`)).toEqual([
      'MsgApp to 3',
      'MsgReadIndexResp to 3',
    ]);
    expect(driven.sent[0]?.commit).toBe(index);
  });

  it('does not wait on its way to a follower that is probed', () => {
    const driven = leader();
    driven.group.node.reportUnreachable(3);
    driven.heartbeat(3);
    expect(take(driven)).toContain(`MsgApp to 3: 0 entries, commit ${driven.group.node.committed}`);
    driven.acknowledge(3);
    expect(driven.group.node.progressOf(3)?.state).toBe('StateReplicate');
    commit(driven);
    take(driven);
  });

  it('is not told by who has lost the leadership', () => {
    const driven = leader();
    commit(driven);
    take(driven);
    driven.receive({ type: 'MsgHeartbeat', from: 2, term: driven.term + 1 });
    driven.persist();
    take(driven);
    driven.env.clock.advance(10 * HOLD_MS);
    expect(take(driven)).toEqual([]);
  });
});
