import { fromUtf8, Prng, utf8 } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { Cluster } from '../tests/cluster.js';
import { type ConfigOverrides, change } from '../tests/config.js';
import { CAMPAIGN_TRANSFER_CONTEXT } from './election.js';
import { makeMessage } from './message.js';
import { type Entry, LOCAL_APPEND_THREAD, type Message } from './types.js';

function newCluster(count: number, overrides: ConfigOverrides = {}): Cluster {
  return new Cluster(count, new Prng('raw-node'), overrides);
}

function reads(cluster: Cluster): string[] {
  return cluster.reads.map(({ id, index, context }) => `${id}: ${fromUtf8(context)} at ${index}`);
}

describe('proposals', () => {
  test('a leader answers with the index, and all apply it', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    expect(cluster.raw(1).propose(utf8('a'))).toEqual({ ok: true, value: 3 });
    cluster.settle();
    expect(cluster.nodes.map((node) => node.appliedIndex)).toEqual([3, 3, 3]);
  });

  test('a follower forwards, or drops when it may not', () => {
    const forwarding = newCluster(3, { disableProposalForwarding: false });
    forwarding.elect(1);
    expect(forwarding.raw(2).propose(utf8('a'))).toEqual({ ok: true, value: 0 });
    forwarding.settle();
    expect(forwarding.raw(1).committed).toBe(3);

    const strict = newCluster(3);
    strict.elect(1);
    expect(strict.raw(2).propose(utf8('a'))).toMatchObject({
      error: { code: 'proposal-dropped', message: 'raft proposal dropped' },
    });
  });

  test('the uncommitted tail is bounded, save for a first and for empty proposals', () => {
    const cluster = newCluster(3, { maxUncommittedBytes: 10 });
    cluster.elect(1);
    const leader = cluster.raw(1);
    expect(leader.propose(utf8('x'.repeat(50))).ok).toBe(true);
    expect(leader.propose(utf8('x')).ok).toBe(false);
    expect(leader.propose(utf8('')).ok).toBe(true);
    cluster.settle();
    expect(leader.uncommittedBytes).toBe(0);
    expect(leader.propose(utf8('x')).ok).toBe(true);
  });

  test('an entry of an earlier term is not committed by counting its replicas (figure 8)', () => {
    const scenario = (overrides: ConfigOverrides): number => {
      const cluster = newCluster(5, overrides);
      cluster.elect(1);
      const committed = cluster.raw(1).committed;
      cluster.partition([1, 2], [3, 4, 5]);
      cluster.raw(1).propose(utf8('old'));
      cluster.settle();
      // The leader comes back in a later term. Its probes and the old entry pass, entries of its
      // own term do not reach a log that could take them.
      cluster.node(1).restart();
      const isOld = (entry: Entry): boolean => entry.term < cluster.raw(1).term;
      cluster.passes = (m) => m.entries.every(isOld) || cluster.raw(m.to).lastIndex < m.index;
      cluster.raw(1).campaign();
      cluster.settle();
      expect(cluster.raw(1).state).toBe('StateLeader');
      expect(cluster.raw(3).lastIndex).toBe(committed + 1);
      return cluster.raw(1).committed - committed;
    };
    const small = { maxBytesPerMessage: 1, maxInflightMessages: 1 };
    expect(scenario(small)).toBe(0);
  });
});

describe('elections', () => {
  test('timeouts are drawn from [electionTicks, 2 * electionTicks - 1]', () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 200; seed++) {
      const raw = new Cluster(3, new Prng(seed)).raw(1);
      let ticks = 0;
      for (; raw.state === 'StateFollower'; ticks++) raw.tick();
      seen.add(ticks);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });

  test('a committed change that is not applied forbids to campaign', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    cluster.raw(1).proposeConfChange(change({ type: 'ConfChangeAddLearnerNode', nodeId: 3 }));
    // Node 2 commits the change but its state machine stands still.
    const apply = cluster.applyOne.bind(cluster);
    cluster.applyOne = (node) => (node.id === 2 ? void node.applyWork.shift() : apply(node));
    cluster.settle();
    expect(cluster.raw(2).committed).toBeGreaterThan(cluster.raw(2).applied);
    cluster.raw(2).campaign();
    expect(cluster.raw(2).state).toBe('StateFollower');
  });

  test('a learner never campaigns', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    cluster.raw(1).proposeConfChange(change({ type: 'ConfChangeAddLearnerNode', nodeId: 3 }));
    cluster.settle();
    expect(cluster.raw(3).status().confState.learners).toEqual([3]);
    cluster.tick(3, 50);
    expect(cluster.raw(3).state).toBe('StateFollower');
  });

  test('pre-vote: a node that was cut off does not disturb the leader', () => {
    const cluster = newCluster(3, { preVote: true, checkQuorum: true });
    cluster.elect(1);
    cluster.partition([1, 2], [3]);
    cluster.tick(3, 100);
    cluster.settle();
    expect(cluster.raw(3)).toMatchObject({ state: 'StatePreCandidate', term: 1 });
    cluster.heal();
    cluster.tick(1);
    cluster.settle();
    expect(cluster.nodes.map(({ raw }) => [raw.term, raw.lead])).toEqual([
      [1, 1],
      [1, 1],
      [1, 1],
    ]);
  });

  test('check-quorum: votes are refused under a lease, unless the leader hands over', () => {
    const cluster = newCluster(3, { checkQuorum: true });
    cluster.elect(1);
    const request = { type: 'MsgVote', to: 2, from: 3, term: 2, index: 2, logTerm: 1 } as const;
    cluster.raw(2).step(makeMessage(request));
    expect(cluster.raw(2).term).toBe(1);
    cluster.raw(2).step(makeMessage({ ...request, context: CAMPAIGN_TRANSFER_CONTEXT }));
    expect(cluster.raw(2)).toMatchObject({ term: 2, vote: 3 });
  });

  test('check-quorum: a leader alone steps down', () => {
    const cluster = newCluster(3, { checkQuorum: true });
    cluster.elect(1);
    cluster.partition([1], [2, 3]);
    cluster.tick(1, 20);
    expect(cluster.raw(1)).toMatchObject({ state: 'StateFollower', lead: 0 });
  });

  test('check-quorum: a leader of a lower term hears of the higher one', () => {
    const cluster = newCluster(3, { checkQuorum: true });
    cluster.elect(1);
    cluster.partition([1, 2], [3]);
    cluster.raw(3).campaign();
    cluster.settle();
    cluster.heal();
    cluster.tick(1);
    cluster.settle();
    expect(cluster.raw(1)).toMatchObject({ state: 'StateFollower', term: 2 });
  });
});

describe('leader transfer', () => {
  test('to a follower that is behind, once it has caught up', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    cluster.partition([1, 2], [3]);
    cluster.raw(1).propose(utf8('a'));
    cluster.settle();
    cluster.heal();
    cluster.raw(1).transferLeader(3);
    expect(cluster.raw(1).leadTransferee).toBe(3);
    expect(cluster.raw(1).propose(utf8('b')).ok).toBe(false);
    cluster.tick(1);
    cluster.settle();
    expect(cluster.raw(3).state).toBe('StateLeader');
  });

  test('is given up after an election timeout', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    cluster.partition([1, 2], [3]);
    cluster.raw(1).transferLeader(3);
    cluster.tick(1, 10);
    expect(cluster.raw(1)).toMatchObject({ state: 'StateLeader', leadTransferee: 0 });
    expect(cluster.raw(1).propose(utf8('b')).ok).toBe(true);
  });
});

describe('reads', () => {
  test('one round of heartbeats confirms all that wait', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    cluster.raw(1).readIndex(utf8('a'));
    cluster.raw(1).readIndex(utf8('b'));
    cluster.settle();
    expect(reads(cluster)).toEqual(['1: a at 2', '1: b at 2']);
  });

  test('without a quorum there is no answer', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    cluster.partition([1], [2, 3]);
    cluster.raw(1).readIndex(utf8('a'));
    cluster.settle();
    expect(reads(cluster)).toEqual([]);
    cluster.heal();
    cluster.tick(1);
    cluster.settle();
    expect(reads(cluster)).toEqual(['1: a at 2']);
  });

  test('a follower asks the leader', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    cluster.raw(2).readIndex(utf8('a'));
    cluster.settle();
    expect(reads(cluster)).toEqual(['2: a at 2']);
  });

  test('a lease answers at once', () => {
    const cluster = newCluster(3, { readOnly: 'lease-based', checkQuorum: true });
    cluster.elect(1);
    cluster.raw(1).readIndex(utf8('a'));
    expect(cluster.raw(1).ready().readStates).toHaveLength(1);
  });

  test.each([1, 3])('a new leader of %d knows only after its first commit', (count) => {
    const cluster = newCluster(count);
    cluster.elect(1);
    cluster.raw(1).propose(utf8('a'));
    cluster.settle();
    const acknowledged = cluster.raw(1).committed;
    // The commit index that was last written lags behind what was acknowledged.
    cluster.node(1).storage.setHardState({ term: 1, vote: 1, commit: 1 });
    cluster.node(1).appliedIndex = 1;
    cluster.node(1).storage.createSnapshot = () => undefined;
    cluster.node(1).restart();
    cluster.raw(1).campaign();
    for (let i = 0; cluster.raw(1).state !== 'StateLeader'; i++) {
      expect(i).toBeLessThan(100);
      for (const node of cluster.nodes) {
        cluster.handleReady(node);
        cluster.writeOne(node);
      }
      for (const m of cluster.network.splice(0)) cluster.deliver(m);
    }
    cluster.raw(1).readIndex(utf8('a'));
    cluster.settle();
    expect(cluster.reads.map((read) => read.index)).toEqual([acknowledged + 1]);
  });
});

describe('storage', () => {
  test('an answer of an earlier term does not make entries stable', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    const follower = cluster.raw(2);
    const entry = (term: number): Entry => ({
      term,
      index: 3,
      type: 'EntryNormal',
      data: utf8(''),
    });
    const append = (term: number, entryTerm: number): Message =>
      makeMessage({
        type: 'MsgApp',
        to: 2,
        from: 1,
        term,
        index: 2,
        logTerm: 1,
        entries: [entry(entryTerm)],
      });
    const write = (): Message => {
      const [work] = follower.ready().messages.filter((m) => m.type === 'MsgStorageAppend');
      return work!;
    };
    follower.step(append(1, 1));
    const first = write();
    follower.step(append(2, 2));
    write();
    follower.step(append(3, 1));
    const third = write();
    // The first write names the entry that stands in the log again, but the second may still hit the disk.
    for (const m of first.responses) if (m.from === LOCAL_APPEND_THREAD) follower.step(m);
    expect(follower.lastIndex).toBe(3);
    expect(cluster.node(2).storage.lastIndex()).toBe(2);
    for (const m of third.responses) if (m.from === LOCAL_APPEND_THREAD) follower.step(m);
    // Now the log is what the storage says.
    expect(follower.lastIndex).toBe(cluster.node(2).storage.lastIndex());
  });

  test('what is applied is committed, though the commit index was lost', () => {
    const cluster = newCluster(1);
    cluster.elect(1);
    cluster.node(1).storage.setHardState({ term: 1, vote: 1, commit: 1 });
    cluster.node(1).restart();
    expect(cluster.raw(1)).toMatchObject({ committed: 2, applied: 2, term: 1 });
  });
});

describe('messages that are refused', () => {
  test('local ones from outside, and answers of strangers', () => {
    const raw = newCluster(3).raw(1);
    expect(raw.step(makeMessage({ type: 'MsgHup', from: 2, to: 1 }))).toMatchObject({
      error: { code: 'step-local-message', message: 'raft: cannot step raft local message' },
    });
    expect(raw.step(makeMessage({ type: 'MsgAppResp', from: 9, to: 1, term: 1 }))).toMatchObject({
      error: { code: 'step-peer-not-found', message: 'raft: cannot step as peer not found' },
    });
  });
});
