import { Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import type { ConfigOverrides } from './config.js';
import { Network, SyncNode } from './harness.js';

const ELECTION_TICKS = 10;
const IDS = [1, 2, 3];

function networkOf(seed: string, configs: readonly ConfigOverrides[]): Network {
  return new Network(
    IDS.map((id) => {
      const rng = new Prng(`${seed} ${id}`);
      return new SyncNode({ id, config: { checkQuorum: true, rng, ...configs[id - 1] } });
    }),
  );
}

/** All follow one leader of the same term. */
function agrees(network: Network): boolean {
  const { leader } = network;
  return network.nodes.every(({ raw }) => {
    return raw.lead === leader?.id && raw.term === leader.raw.term;
  });
}

function ticksUntil(network: Network, holds: () => boolean, limit: number): number {
  let ticks = 0;
  for (; ticks < limit && !holds(); ticks++) network.tick();
  return ticks;
}

describe('elections', () => {
  it('prevote_checkquorum_no_livelock', () => {
    // Bit i: node i + 1 asks before it campaigns. All mixtures are met in the middle of an upgrade.
    for (let mask = 0; mask < 8; mask++) {
      for (let seed = 0; seed < 5; seed++) {
        const final = IDS.map((id) => ({ preVote: (mask & (1 << (id - 1))) !== 0 }));
        // Node 3 is of the old version, is cut off, and raises its term while its log grows old.
        const network = networkOf(`upgrade ${seed}`, [final[0]!, final[1]!, { preVote: false }]);
        network.campaign(1);
        network.isolate(3);
        for (let i = 0; i < 5; i++) {
          network.propose(1);
          network.tick(ELECTION_TICKS);
        }
        expect(network.raw(3).term).toBeGreaterThan(network.raw(1).term + 1);
        expect(network.raw(1)).toMatchObject({ state: 'StateLeader', term: 1 });

        // It comes back, upgraded or not: it cannot win, and must not keep the others from it.
        const termBefore = network.raw(3).term;
        network.restart(3, { checkQuorum: true, rng: new Prng(`${seed} back`), ...final[2] });
        network.recover();
        const what = `preVote mask ${mask}, seed ${seed}`;
        // Without pre-vote it may be the first to campaign, in vain, several times in a row: one time
        // in three, each time. With it, it asks, is told of the others, and stays quiet.
        const limit = (final[2]!.preVote ? 5 : 10) * ELECTION_TICKS;
        expect(
          ticksUntil(network, () => agrees(network), limit),
          what,
        ).toBeLessThan(limit);
        expect(network.propose(network.leader!.id).ok, what).toBe(true);
        expect(network.node(3).log, what).toEqual(network.node(1).log);

        // A few elections at most, and then peace.
        const { term } = network.leader!.raw;
        expect(term - termBefore, what).toBeLessThanOrEqual(final[2]!.preVote ? 1 : 9);
        network.tick(10 * ELECTION_TICKS);
        expect(agrees(network), what).toBe(true);
        expect(network.leader!.raw.term, what).toBe(term);
      }
    }
  });

  it('partitioned_leader_steps_down', () => {
    const cuts: Record<string, (network: Network) => void> = {
      'can send, cannot receive': (network) => {
        for (const id of [2, 3]) network.drop(id, 1);
      },
      'can receive, cannot send': (network) => {
        for (const id of [2, 3]) network.drop(1, id);
      },
      neither: (network) => network.isolate(1),
    };
    for (const [what, cut] of Object.entries(cuts)) {
      for (let seed = 0; seed < 10; seed++) {
        const preVote = { preVote: true };
        const network = networkOf(`cut ${seed}`, [preVote, preVote, preVote]);
        network.campaign(1);
        network.tick(seed);
        cut(network);
        network.node(1).propose('of the past');
        // The quorum is looked at once an election timeout; what was heard just before the cut still
        // counts at the first look.
        const isDeposed = (): boolean => network.raw(1).state !== 'StateLeader';
        expect(ticksUntil(network, isDeposed, 2 * ELECTION_TICKS + 1), what).toBeLessThanOrEqual(
          2 * ELECTION_TICKS,
        );
        expect(network.propose(1).ok, what).toBe(false);

        const replaced = (): boolean => [2, 3].includes(network.leader?.id ?? 0);
        const limit = 5 * ELECTION_TICKS;
        expect(ticksUntil(network, replaced, limit), what).toBeLessThan(limit);
        const { id } = network.leader!;
        expect(network.propose(id, 'of the present').ok).toBe(true);
        const { committed } = network.raw(id);
        expect(committed).toBe(network.raw(id).lastIndex);
        // Peace lasts while the cut does, and the old leader comes back without a stir.
        network.tick(10 * ELECTION_TICKS);
        const { term } = network.raw(id);
        network.recover();
        network.tick(5 * ELECTION_TICKS);
        expect(network.leader, what).toMatchObject({ id });
        expect(network.raw(1), what).toMatchObject({ lead: id, term, committed });
      }
    }
  });
});
