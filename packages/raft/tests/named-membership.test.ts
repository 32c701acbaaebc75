import { Prng, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { describeEntry, type Entry } from '../src/index.js';
import { Cluster } from './cluster.js';
import { change } from './config.js';

function newCluster(count: number): Cluster {
  return new Cluster(count, new Prng('membership'), { preVote: true, checkQuorum: true });
}

const addLearner = (nodeId: number) => change({ type: 'ConfChangeAddLearnerNode', nodeId });
const addVoter = (nodeId: number) => change({ type: 'ConfChangeAddNode', nodeId });
const remove = (nodeId: number) => change({ type: 'ConfChangeRemoveNode', nodeId });

/** All entries of all configuration changes that were applied anywhere. */
function changesApplied(cluster: Cluster): string[] {
  const entries: Entry[] = [...cluster.applied.values()];
  return entries.filter((entry) => entry.type !== 'EntryNormal').map(describeEntry);
}

/** State machines of these nodes stand still; what is handed to them waits. */
function holdApply(cluster: Cluster, ...ids: readonly number[]): () => void {
  const apply = cluster.applyOne;
  const held = new Map(ids.map((id) => [id, [] as Cluster['network']]));
  cluster.applyOne = (node) => {
    const list = held.get(node.id);
    if (list === undefined) apply.call(cluster, node);
    else list.push(...node.applyWork.splice(0));
  };
  return () => {
    cluster.applyOne = apply;
    for (const [id, work] of held) cluster.node(id).applyWork.unshift(...work);
  };
}

/** Ticks all until one leads whose members all have applied what it has. */
function converge(cluster: Cluster, down: readonly number[] = []): number {
  for (let round = 0; round < 200; round++) {
    for (const { id } of cluster.nodes) if (!down.includes(id)) cluster.tick(id);
    cluster.settle();
    const { leader } = cluster;
    if (leader === undefined || down.includes(leader.id)) continue;
    const { voters, votersOutgoing } = leader.raw.status().confState;
    const members = [...voters, ...votersOutgoing].filter((id) => !down.includes(id));
    const { lastIndex } = leader.raw;
    if (members.every((id) => cluster.node(id).appliedIndex === lastIndex)) return leader.id;
  }
  throw new Error('the cluster does not converge');
}

describe('membership', () => {
  it('conf_change_one_at_a_time_and_before_campaign', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    const release = holdApply(cluster, 1, 2);
    expect(cluster.raw(1).proposeConfChange(addLearner(3)).ok).toBe(true);
    const pending = cluster.raw(1).lastIndex;
    cluster.settle();
    expect(cluster.raw(1)).toMatchObject({ committed: pending, pendingConfIndex: pending });

    // It is committed and not applied: no second one enters the log, an empty entry stands for it.
    expect(cluster.raw(1).proposeConfChange(remove(2)).ok).toBe(true);
    cluster.settle();
    expect(cluster.raw(1).pendingConfIndex).toBe(pending);

    // Who has yet to apply it does not campaign, neither by its clock nor when it is asked to.
    cluster.raw(1).transferLeader(2);
    cluster.settle();
    cluster.tick(2, 40);
    cluster.settle();
    expect(cluster.raw(2)).toMatchObject({ state: 'StateFollower', term: 1 });
    cluster.tick(1, 10);

    release();
    cluster.settle();
    expect(cluster.raw(1).status().confState).toMatchObject({ voters: [1, 2], learners: [3] });
    expect(cluster.applied.get(pending + 1)).toMatchObject({ type: 'EntryNormal' });

    // Now there is nothing in the way of the second, nor of an election.
    expect(cluster.raw(1).proposeConfChange(remove(3)).ok).toBe(true);
    cluster.settle();
    expect(cluster.raw(1).status().confState).toMatchObject({ voters: [1, 2], learners: [] });
    cluster.raw(1).transferLeader(2);
    cluster.settle();
    expect(cluster.raw(2).state).toBe('StateLeader');
  });

  it('conf_change_one_at_a_time_and_before_campaign: sent again over a leader change', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    // The change reaches node 2, and its leader is gone before anyone knows whether it is committed.
    cluster.passes = (m) => m.from === m.to || (m.from === 1 && m.to === 2);
    cluster.raw(1).proposeConfChange(addLearner(3));
    cluster.settle();
    cluster.partition([2, 3], [1]);
    cluster.tick(3, 10);
    const release = holdApply(cluster, 2);
    for (let i = 0; cluster.raw(2).state !== 'StateLeader' && i < 40; i++) {
      cluster.tick(2);
      cluster.settle();
    }
    expect(cluster.raw(2).state).toBe('StateLeader');
    // The client tries again while the first try may still be pending.
    expect(cluster.raw(2).pendingConfIndex).toBeGreaterThan(cluster.raw(2).applied);
    cluster.raw(2).proposeConfChange(addLearner(3));
    cluster.settle();
    release();
    cluster.heal();
    converge(cluster);
    expect(changesApplied(cluster)).toEqual(['1/3 EntryConfChangeV2 l3']);
    expect(cluster.leader?.raw.status().confState).toMatchObject({ voters: [1, 2], learners: [3] });
  });

  it('learner_promote_even_quorum', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    cluster.raw(1).proposeConfChange(addLearner(3));
    cluster.settle();
    expect(cluster.raw(3).status().confState).toMatchObject({ voters: [1, 2], learners: [3] });

    // The promotion is committed by nodes 1 and 2; node 3 has the entry and no news of the commit.
    cluster.passes = (m) => m.to !== 3 || (m.type === 'MsgApp' && m.commit < 4);
    cluster.raw(1).proposeConfChange(addVoter(3));
    cluster.settle();
    expect(cluster.raw(2).status().confState).toMatchObject({ voters: [1, 2, 3] });
    expect(cluster.raw(3).status().confState).toMatchObject({ learners: [3] });
    expect(cluster.raw(3).lastIndex).toBe(4);

    // Node 1 is gone for good. Node 3 believes to be a learner and does not campaign, but it votes.
    cluster.partition([2, 3], [1]);
    cluster.tick(3, 50);
    cluster.settle();
    expect(cluster.raw(3).state).toBe('StateFollower');
    expect(converge(cluster, [1])).toBe(2);
    expect(cluster.raw(3).status().confState.voters).toEqual([1, 2, 3]);
    expect(cluster.raw(2).propose(utf8('two of three')).ok).toBe(true);
    cluster.settle();
    expect(cluster.raw(3).committed).toBe(cluster.raw(2).lastIndex);
  });

  it('learner_promote_even_quorum: nobody but the leader knew', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    cluster.raw(1).proposeConfChange(addLearner(3));
    cluster.settle();
    // Node 2's acknowledgement commits the promotion; neither it nor node 3 learns of that.
    cluster.passes = (m) => m.from !== 1 || m.to === 1 || (m.type === 'MsgApp' && m.commit < 4);
    cluster.raw(1).proposeConfChange(addVoter(3));
    cluster.settle();
    expect(cluster.raw(1).status().confState.voters).toEqual([1, 2, 3]);
    expect(cluster.raw(2).status().confState.voters).toEqual([1, 2]);
    cluster.node(1).restart();

    // By its configuration node 2 needs node 1, so nobody leads while that is away. A configuration
    // counts from when it is applied: this is the price, and it ends when node 1 is back.
    cluster.partition([2, 3], [1]);
    for (const id of [2, 3]) cluster.tick(id, 50);
    cluster.settle();
    expect([2, 3].map((id) => cluster.raw(id).state === 'StateLeader')).toEqual([false, false]);
    cluster.heal();
    converge(cluster);
    for (const { raw } of cluster.nodes) expect(raw.status().confState.voters).toEqual([1, 2, 3]);
  });

  it('remove_leader_self', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    const proposed = cluster.raw(1).proposeConfChange(remove(1));
    expect(proposed).toEqual({ ok: true, value: 3 });
    cluster.settle();
    // It lived to apply its own removal, so that whoever asked for it gets an answer, and told the others.
    expect(cluster.nodes.map((node) => node.appliedIndex)).toEqual([3, 3, 3]);
    expect(cluster.raw(1)).toMatchObject({ state: 'StateFollower', lead: 0, term: 1 });
    expect(cluster.raw(1).propose(utf8('x')).ok).toBe(false);
    for (const { raw } of cluster.nodes) expect(raw.status().confState.voters).toEqual([2, 3]);

    // It is quiet from now on; the others elect one of them.
    cluster.tick(1, 100);
    cluster.settle();
    expect(cluster.raw(1)).toMatchObject({ state: 'StateFollower', term: 1 });
    const leader = converge(cluster);
    expect([2, 3]).toContain(leader);
    const { term } = cluster.raw(leader);
    for (let i = 0; i < 100; i++) {
      for (const { id } of cluster.nodes) cluster.tick(id);
      cluster.settle();
    }
    expect(cluster.raw(leader)).toMatchObject({ state: 'StateLeader', term });
  });

  it('remove_leader_self: the others have yet to learn of it', () => {
    for (const count of [2, 3]) {
      const cluster = newCluster(count);
      cluster.elect(1);
      // All have the entry; the news that it is committed is lost.
      cluster.passes = (m) => m.from !== 1 || m.to === 1 || m.commit < 3;
      cluster.raw(1).proposeConfChange(remove(1));
      cluster.settle();
      expect(cluster.raw(1).status().confState.voters).not.toContain(1);
      expect(cluster.raw(2).status().confState.voters).toContain(1);
      cluster.heal();
      // By their configuration they may need its vote, which it still gives, for it is up.
      const leader = converge(cluster);
      expect(leader).not.toBe(1);
      expect(cluster.raw(leader).status().confState.voters).not.toContain(1);
      expect(cluster.raw(leader).propose(utf8('x')).ok).toBe(true);
    }
  });
});
