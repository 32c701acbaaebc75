import { assert, EMPTY_BYTES, Prng, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import type { ConfChange } from '../src/index.js';
import { Cluster } from './cluster.js';
import type { ConfigOverrides } from './config.js';

/** Two of three voters are replaced. */
const REPLACE: ConfChange = {
  transition: 'ConfChangeTransitionJointImplicit',
  changes: [
    { type: 'ConfChangeAddNode', nodeId: 4 },
    { type: 'ConfChangeAddNode', nodeId: 5 },
    { type: 'ConfChangeRemoveNode', nodeId: 2 },
    { type: 'ConfChangeRemoveNode', nodeId: 3 },
  ],
  context: EMPTY_BYTES,
};
const EXPLICIT: ConfChange = { ...REPLACE, transition: 'ConfChangeTransitionJointExplicit' };

function newCluster(overrides: ConfigOverrides = {}): Cluster {
  const options = { preVote: true, checkQuorum: true, ...overrides };
  const cluster = new Cluster(5, new Prng('joint'), options, [1, 2, 3]);
  cluster.elect(1);
  return cluster;
}

/** The next piece of work of any kind; false when there is none. */
function microStep(cluster: Cluster): boolean {
  for (const node of cluster.nodes) {
    if (node.raw.hasReady()) {
      cluster.handleReady(node);
      return true;
    }
    if (node.appendWork.length > 0) {
      cluster.writeOne(node);
      return true;
    }
    if (node.applyWork.length > 0) {
      cluster.applyOne(node);
      return true;
    }
  }
  const m = cluster.network.shift();
  if (m !== undefined) cluster.deliver(m);
  return m !== undefined;
}

/** Ticks all until one leads, in no joint configuration, and its members have applied what it has. */
function converge(cluster: Cluster): number {
  for (let round = 0; round < 300; round++) {
    for (const { id } of cluster.nodes) cluster.tick(id);
    cluster.settle();
    const { leader } = cluster;
    if (leader === undefined) continue;
    const { voters, votersOutgoing } = leader.raw.status().confState;
    const { lastIndex } = leader.raw;
    const done = voters.every((id) => cluster.node(id).appliedIndex === lastIndex);
    if (done && votersOutgoing.length === 0) return leader.id;
  }
  throw new Error('the cluster does not converge');
}

function tickAll(cluster: Cluster, times: number): void {
  for (let i = 0; i < times; i++) {
    for (const { id } of cluster.nodes) cluster.tick(id);
    cluster.settle();
  }
}

describe('joint consensus', () => {
  it('joint_consensus_crash_each_step', () => {
    const votersSeen = new Set<string>();
    // The leader; a voter that goes and one that comes; all at once.
    for (const victims of [[1], [2, 4], [1, 2, 3, 4, 5]]) {
      let steps = 0;
      for (let busy = true; busy; steps++) {
        const cluster = newCluster();
        assert(cluster.raw(1).proposeConfChange(REPLACE).ok, 'the change was dropped');
        for (let step = 0; step < steps && busy; step++) busy = microStep(cluster);
        // What is not on the disk is lost.
        for (const id of victims) cluster.node(id).restart();
        const leader = cluster.raw(converge(cluster));
        const { voters } = leader.status().confState;
        votersSeen.add(voters.join());
        // The group works, and has the old members or the new ones.
        assert(leader.propose(utf8('works')).ok, 'the proposal was dropped');
        cluster.settle();
        expect(leader.committed, `${victims} at ${steps}`).toBe(leader.lastIndex);
        expect(['1,2,3', '1,4,5'], `${victims} at ${steps}`).toContain(voters.join());
      }

      expect(steps, `steps of ${victims}`).toBeGreaterThan(50);
    }
    expect([...votersSeen].sort()).toEqual(['1,2,3', '1,4,5']);
  });

  it('joint_consensus_crash_each_step: both majorities decide', () => {
    const sides: readonly (readonly [up: number[], decides: boolean])[] = [
      // A majority of the new voters alone, of the old alone, and of both.
      [[1, 4, 5], false],
      [[1, 2, 3], false],
      [[4, 5, 2], false],
      [[1, 2, 4], true],
      [[2, 3, 4, 5], true],
    ];
    for (const [up, decides] of sides) {
      const cluster = newCluster();
      cluster.raw(1).proposeConfChange(EXPLICIT);
      cluster.settle();
      const joint = { voters: [1, 4, 5], votersOutgoing: [1, 2, 3] };
      for (const { raw } of cluster.nodes) expect(raw.status().confState).toMatchObject(joint);

      // An old leader is among them, or one must be elected.
      cluster.partition(up);
      const last = cluster.raw(1).lastIndex;
      cluster.raw(1).propose(utf8('x'));
      cluster.settle();
      expect(cluster.raw(1).committed > last, `commit of ${up}`).toBe(decides && up.includes(1));
      tickAll(cluster, 100);
      const leaders = up.filter((id) => cluster.raw(id).state === 'StateLeader');
      expect(leaders.length, `election of ${up}`).toBe(decides ? 1 : 0);
      const committed = Math.max(...up.map((id) => cluster.raw(id).committed));
      expect(committed > last, `commit of ${up}`).toBe(decides);
    }
  });

  it('joint_consensus_crash_each_step: a new leader commits before it leaves', () => {
    // All are in the joint configuration; the entry that leaves it reaches nobody.
    const cluster = newCluster({ maxBytesPerMessage: 1 });
    cluster.passes = (m) => m.from === m.to || m.entries.every(({ index }) => index < 4);
    cluster.raw(1).proposeConfChange(REPLACE);
    cluster.settle();
    tickAll(cluster, 1);
    for (const id of [2, 3, 4, 5]) {
      expect(cluster.raw(id).status().confState.votersOutgoing).toEqual([1, 2, 3]);
      expect(cluster.raw(id).lastIndex).toBe(3);
    }

    cluster.partition([2, 3, 4, 5]);
    const connected = cluster.passes;
    cluster.passes = (m) => connected(m) && (m.type !== 'MsgAppResp' || m.from === m.to);
    tickAll(cluster, 30);
    const { leader } = cluster;
    assert(leader !== undefined && leader.id !== 1, 'nobody took over');
    // Without a commit of its own it does not know whether there is another change in its log.
    expect(leader.raw).toMatchObject({ lastIndex: 4, committed: 3 });
    cluster.heal();
    converge(cluster);
    expect(cluster.leader?.raw.status().confState.voters).toEqual([1, 4, 5]);
    expect(cluster.applied.get(4)).toMatchObject({ type: 'EntryNormal' });
    expect(cluster.applied.get(5)).toMatchObject({ type: 'EntryConfChangeV2' });
  });
});
