import { InvariantError, Prng, utf8 } from '@tinykv/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ConfChangeType } from '../src/index.js';
import { Cluster, type ClusterNode } from './cluster.js';
import { type ConfigOverrides, change } from './config.js';

const STEPS = 4_000;

/** Random faults from one seed. Throws InvariantError when a node breaks Raft's promises. */
class Chaos {
  readonly rng: Prng;
  readonly cluster: Cluster;
  /** What had been applied somewhere when each read was asked for: the read must not be older. */
  readonly #readFloors: number[] = [];
  #readsChecked = 0;

  constructor(seed: string, overrides: ConfigOverrides) {
    this.rng = new Prng(seed);
    this.cluster = new Cluster(this.rng.float() < 0.5 ? 3 : 5, this.rng.fork('cluster'), {
      checkQuorum: this.rng.float() < 0.5,
      preVote: this.rng.float() < 0.5,
      maxInflightMessages: 1 + this.rng.int(0, 8),
      maxBytesPerMessage: 1 + this.rng.int(0, 40),
      electionTicks: 5,
      maxCommittedBytesPerReady: 1 + this.rng.int(0, 60),
      ...overrides,
    });
  }

  run(): void {
    for (let step = 0; step < STEPS; step++) {
      this.#act(this.rng.int(0, 1_000));
      this.#checkReads();
    }
    this.#recover();
  }

  #act(dice: number): void {
    const { cluster, rng } = this;
    const node = this.#anyNode();
    if (dice < 120) node.raw.tick();
    else if (dice < 420) this.#deliverAny();
    else if (dice < 600) cluster.handleReady(node);
    else if (dice < 750) cluster.writeOne(node);
    else if (dice < 850) cluster.applyOne(node);
    else if (dice < 910) node.raw.propose(utf8('x'.repeat(rng.int(0, 20))));
    else if (dice < 950) this.#read(node);
    else if (dice < 956) this.#splitOrHeal();
    else if (dice < 960) node.restart();
    else if (dice < 965) node.raw.transferLeader(rng.int(1, cluster.nodes.length + 1));
    else if (dice < 970) this.#proposeChange(node);
    else if (dice < 975) node.storage.compact(Math.max(1, node.appliedIndex - rng.int(0, 5)));
    else if (dice < 980) this.#forgetMessages();
    else if (dice < 985) this.#report(node);
  }

  #anyNode(): ClusterNode {
    return this.cluster.node(this.rng.int(1, this.cluster.nodes.length + 1));
  }

  /** Out of order, and now and then twice. */
  #deliverAny(): void {
    const { network } = this.cluster;
    if (network.length === 0) return;
    const at = this.rng.int(0, network.length);
    const m = network[at]!;
    if (this.rng.float() < 0.9) network.splice(at, 1);
    this.cluster.deliver(m);
  }

  #forgetMessages(): void {
    this.cluster.network = this.cluster.network.filter(() => this.rng.float() < 0.5);
  }

  #splitOrHeal(): void {
    this.cluster.heal();
    if (this.rng.float() < 0.4) return;
    const left: number[] = [];
    const right: number[] = [];
    for (const { id } of this.cluster.nodes) (this.rng.float() < 0.5 ? left : right).push(id);
    this.cluster.partition(left, right);
  }

  #proposeChange(node: ClusterNode): void {
    const types: ConfChangeType[] = [
      'ConfChangeAddNode',
      'ConfChangeAddLearnerNode',
      'ConfChangeRemoveNode',
    ];
    const { voters } = node.raw.status().confState;
    const pick = () => ({
      type: types[this.rng.int(0, types.length)]!,
      nodeId: this.rng.int(1, this.cluster.nodes.length + 1),
    });
    const changes = this.rng.float() < 0.5 ? [pick()] : [pick(), pick()];
    // What would leave no voter is not for the core to refuse.
    const added = changes.every(({ type }) => type === 'ConfChangeAddNode');
    if (voters.length > changes.length || added) node.raw.proposeConfChange(change(...changes));
  }

  #report(node: ClusterNode): void {
    const peer = this.rng.int(1, this.cluster.nodes.length + 1);
    if (this.rng.float() < 0.5) node.raw.reportUnreachable(peer);
    else node.raw.reportSnapshot(peer, this.rng.float() < 0.5 ? 'finish' : 'failure');
  }

  #read(node: ClusterNode): void {
    node.raw.readIndex(utf8(String(this.#readFloors.length)));
    this.#readFloors.push(Math.max(1, ...this.cluster.applied.keys()));
  }

  #checkReads(): void {
    const { reads } = this.cluster;
    for (; this.#readsChecked < reads.length; this.#readsChecked++) {
      const { index, context } = reads[this.#readsChecked]!;
      const floor = this.#readFloors[Number(new TextDecoder().decode(context))]!;
      if (index < floor) throw new InvariantError(`a read of ${index} after ${floor} was applied`);
    }
  }

  /** With the faults gone a leader must emerge, commit, and bring all members to the same point. */
  #recover(): void {
    const { cluster } = this;
    cluster.heal();
    for (const { raw } of cluster.nodes) {
      for (const { id } of cluster.nodes) raw.reportSnapshot(id, 'failure');
    }
    let target = 0;
    let term = 0;
    for (let round = 0; round < 400; round++) {
      for (const { raw } of cluster.nodes) raw.tick();
      cluster.settle();
      const { leader } = cluster;
      if (leader === undefined) continue;
      // What a leader that was about to be replaced took in may be lost.
      if (leader.raw.term !== term || target === Number.MAX_SAFE_INTEGER) {
        term = leader.raw.term;
        const proposed = leader.raw.propose(utf8('last'));
        target = proposed.ok ? proposed.value : Number.MAX_SAFE_INTEGER;
      }
      const { voters } = leader.raw.status().confState;
      if (voters.every((id) => cluster.node(id).appliedIndex >= target)) return;
    }
    throw new InvariantError(`no progress after the faults: ${describeStates(cluster)}`);
  }
}

function describeStates(cluster: Cluster): string {
  return cluster.nodes
    .map(({ raw }) => `${raw.id} ${raw.state} t${raw.term} c${raw.committed} l${raw.lastIndex}`)
    .join(', ');
}

describe('safety under random faults', () => {
  test('holds for random schedules', () => {
    let applied = 0;
    let reads = 0;
    fc.assert(
      fc.property(fc.integer({ min: 0 }), (seed) => {
        const chaos = new Chaos(`safety ${seed}`, {});
        chaos.run();
        applied += chaos.cluster.applied.size;
        reads += chaos.cluster.reads.length;
      }),
      // A smaller seed is no simpler schedule: the first that fails is the one to look at.
      { numRuns: 120, seed: 1, endOnFailure: true },
    );
    // The schedules let the groups work: there was something to check.
    expect(applied).toBeGreaterThan(120);
    expect(reads).toBeGreaterThan(0);
  });
});
