import { assert, fromUtf8, Prng, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import type { Message } from '../src/index.js';
import { Cluster } from './cluster.js';

function newCluster(): Cluster {
  return new Cluster(3, new Prng('reads'), { checkQuorum: true, preVote: true });
}

function reads(cluster: Cluster): string[] {
  return cluster.reads.map(({ id, index, context }) => `${id}: ${fromUtf8(context)} at ${index}`);
}

/** Elects `id` against a leader that has not yet heard of it; under leases the others must have forgotten it. */
function depose(cluster: Cluster, id: number, leader: number): void {
  const others = cluster.nodes.map((node) => node.id).filter((other) => other !== leader);
  for (let i = 0; cluster.raw(id).state !== 'StateLeader'; i++) {
    assert(i < 100, 'nobody takes over');
    for (const other of others) cluster.tick(other);
    if (i >= 10) assert(cluster.raw(id).campaign().ok, 'refused to campaign');
    cluster.settle();
  }
}

describe('reads', () => {
  it('read_index_before_first_commit_of_term', () => {
    const cluster = newCluster();
    cluster.elect(1);
    // Node 3 has the entry, but not the news that it is committed and was answered.
    cluster.passes = (m) => m.to !== 3 || m.commit < 3;
    cluster.raw(1).propose(utf8('acknowledged'));
    cluster.settle();
    expect(cluster.raw(1).committed).toBe(3);
    expect(cluster.raw(3)).toMatchObject({ committed: 2, lastIndex: 3 });

    // Node 3 takes over and cannot commit: its commit index would show an old state.
    cluster.partition([2, 3], [1]);
    cluster.tick(1, 20);
    const connected = cluster.passes;
    cluster.passes = (m) => connected(m) && (m.type !== 'MsgAppResp' || m.to === m.from);
    depose(cluster, 3, 1);
    expect(cluster.raw(3).committed).toBe(2);
    cluster.raw(3).readIndex(utf8('at the leader'));
    cluster.raw(2).readIndex(utf8('at the follower'));
    for (let i = 0; i < 5; i++) {
      cluster.tick(3);
      cluster.settle();
    }
    expect(reads(cluster)).toEqual([]);

    cluster.heal();
    cluster.tick(3);
    cluster.settle();
    cluster.tick(3);
    cluster.settle();
    const { committed } = cluster.raw(3);
    expect(committed).toBeGreaterThan(3);
    expect(reads(cluster).sort()).toEqual(['2: at the follower at 4', '3: at the leader at 4']);
  });

  it('read_index_before_first_commit_of_term: a leader that is deposed before never answers', () => {
    const cluster = newCluster();
    cluster.elect(1);
    cluster.passes = (m) => m.type !== 'MsgAppResp' || m.to === m.from;
    cluster.raw(1).transferLeader(3);
    cluster.settle();
    cluster.raw(3).readIndex(utf8('early'));
    cluster.settle();
    expect(cluster.raw(3).state).toBe('StateLeader');
    // Another commits, and then it leads for a second time.
    cluster.partition([1, 2], [3]);
    depose(cluster, 2, 3);
    cluster.heal();
    for (const id of [2, 3]) {
      cluster.raw(2).transferLeader(id);
      cluster.tick(2);
      cluster.settle();
    }
    expect(cluster.leader?.id).toBe(3);
    cluster.tick(3);
    cluster.settle();
    expect(cluster.raw(3).committed).toBe(cluster.raw(3).lastIndex);
    expect(reads(cluster)).toEqual([]);
  });

  /** Node 1 asks `context` of itself; the acknowledgements of its round are held back. */
  const holdAcks = (cluster: Cluster, context: string): Message[] => {
    cluster.raw(1).readIndex(utf8(context));
    const held: Message[] = [];
    cluster.passes = (m) => {
      if (m.type !== 'MsgHeartbeatResp' || m.to !== 1) return true;
      // Each message passes here when it is sent and again when it is delivered.
      if (!held.includes(m)) held.push(m);
      return false;
    };
    cluster.settle();
    expect(held).toHaveLength(2);
    return held;
  };

  it('read_index_stale_response_after_pause', () => {
    const cluster = newCluster();
    cluster.elect(1);
    const held = holdAcks(cluster, 'before the pause');
    // Node 1 stands still; another leads and commits.
    cluster.partition([1], [2, 3]);
    depose(cluster, 2, 1);
    cluster.raw(2).propose(utf8('new'));
    cluster.settle();
    const { committed } = cluster.raw(2);
    expect(committed).toBe(4);
    expect(cluster.raw(1)).toMatchObject({ state: 'StateLeader', committed: 2, term: 1 });

    // It wakes up, takes a read, and then finds the old acknowledgements. They speak of the time
    // before the pause, so they may confirm what was asked then, but nothing that was asked since.
    cluster.raw(1).readIndex(utf8('after the pause'));
    cluster.raw(3).readIndex(utf8('of the new leader'));
    for (const m of held) cluster.deliver(m);
    cluster.settle();
    expect(reads(cluster).sort()).toEqual([
      '1: before the pause at 2',
      `3: of the new leader at ${committed}`,
    ]);
    // The others' next word deposes it, and what waited there is never answered.
    cluster.heal();
    cluster.tick(1);
    cluster.settle();
    cluster.tick(2);
    cluster.settle();
    expect(cluster.raw(1)).toMatchObject({ state: 'StateFollower', lead: 2, committed });
    for (const m of held) cluster.deliver(m);
    cluster.settle();
    expect(cluster.reads).toHaveLength(2);
  });

  it('read_index_stale_response_after_pause: acknowledgements of an earlier leadership', () => {
    const cluster = newCluster();
    cluster.elect(1);
    const held = holdAcks(cluster, 'first');
    cluster.partition([1], [2, 3]);
    depose(cluster, 2, 1);
    cluster.raw(2).propose(utf8('new'));
    cluster.settle();
    cluster.heal();
    cluster.tick(2);
    cluster.settle();
    // Node 1 leads once more, and its first read carries the number that its first read carried then.
    cluster.raw(2).transferLeader(1);
    cluster.settle();
    expect(cluster.raw(1).state).toBe('StateLeader');
    // What waited then went with that leadership.
    cluster.tick(1);
    cluster.settle();
    expect(reads(cluster)).toEqual([]);
    cluster.partition([1], [2, 3]);
    cluster.raw(1).readIndex(utf8('second'));
    for (const m of held) cluster.deliver(m);
    cluster.settle();
    expect(reads(cluster)).toEqual([]);
    // A restart forgets nothing that could be confused either: it must win a new term first.
    cluster.node(1).restart();
    for (const m of held) cluster.deliver(m);
    cluster.settle();
    expect(reads(cluster)).toEqual([]);
  });

  it('read_index_stale_response_after_pause: an answer to a follower', () => {
    const cluster = newCluster();
    cluster.elect(1);
    const held: Message[] = [];
    cluster.passes = (m) => {
      if (m.type !== 'MsgReadIndexResp') return true;
      held.push(m);
      return false;
    };
    cluster.raw(3).readIndex(utf8('from node 3'));
    cluster.settle();
    expect(held).toMatchObject([{ to: 3, index: 2, term: 1 }]);
    cluster.partition([1], [2, 3]);
    depose(cluster, 2, 1);
    // The answer of the old leader arrives in the term of the new one.
    for (const m of held) cluster.deliver(m);
    cluster.settle();
    expect(reads(cluster)).toEqual([]);
  });
});
