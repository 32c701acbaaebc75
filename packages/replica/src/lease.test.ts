import type { ConfState } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import { CLOCK_DRIFT_MAX, Lease, leaseMs, stampContext, unstampContext } from './lease.js';

function voters(incoming: number[], outgoing: number[] = [], learners: number[] = []): ConfState {
  return {
    voters: incoming,
    votersOutgoing: outgoing,
    learners,
    learnersNext: [],
    autoLeave: false,
  };
}

const three = voters([1, 2, 3]);

describe('lease', () => {
  it('runs from the send time of what a quorum has acknowledged', () => {
    const lease = new Lease(900);
    lease.begin(5);
    expect(lease.valid(0, 1, three)).toBe(false);
    lease.onAck(2, 5, 100, 1, three, 150);
    expect(lease.valid(999, 1, three)).toBe(true);
    expect(lease.valid(1000, 1, three)).toBe(false);
  });

  it('needs a majority of the voters, not of those that answer', () => {
    const five = voters([1, 2, 3, 4, 5]);
    const lease = new Lease(900);
    lease.begin(5);
    lease.onAck(2, 5, 100, 1, five, 150);
    expect(lease.valid(200, 1, five)).toBe(false);
    lease.onAck(3, 5, 50, 1, five, 160);
    expect(lease.valid(949, 1, five)).toBe(true);
    expect(lease.valid(950, 1, five)).toBe(false);
  });

  it('counts no learner', () => {
    const config = voters([1, 2, 3], [], [4]);
    const lease = new Lease(900);
    lease.begin(5);
    lease.onAck(4, 5, 100, 1, config, 150);
    expect(lease.valid(200, 1, config)).toBe(false);
  });

  it('needs both halves of a joint configuration', () => {
    const joint = voters([1, 2, 3], [1, 4, 5]);
    const lease = new Lease(900);
    lease.begin(5);
    lease.onAck(2, 5, 100, 1, joint, 150);
    expect(lease.valid(200, 1, joint)).toBe(false);
    lease.onAck(4, 5, 100, 1, joint, 160);
    expect(lease.valid(200, 1, joint)).toBe(true);
  });

  it('takes acknowledgements of its own term only, and none from before it began', () => {
    const lease = new Lease(900);
    lease.begin(5);
    lease.onAck(2, 5, 100, 1, three, 150);
    lease.begin(6);
    expect(lease.valid(200, 1, three)).toBe(false);
    lease.onAck(2, 5, 190, 1, three, 195);
    expect(lease.valid(200, 1, three)).toBe(false);
  });

  it('an old acknowledgement does not shorten it', () => {
    const lease = new Lease(900);
    lease.begin(5);
    lease.onAck(2, 5, 100, 1, three, 150);
    lease.onAck(2, 5, 20, 1, three, 160);
    expect(lease.valid(999, 1, three)).toBe(true);
  });

  it('is void for the rest of the term once TimeoutNow is out', () => {
    const lease = new Lease(900);
    lease.begin(5);
    lease.onAck(2, 5, 100, 1, three, 150);
    lease.suspend();
    expect(lease.valid(160, 1, three)).toBe(false);
    lease.onAck(2, 5, 300, 1, three, 350);
    expect(lease.valid(360, 1, three)).toBe(false);
    lease.begin(6);
    lease.onAck(2, 6, 400, 1, three, 450);
    expect(lease.valid(460, 1, three)).toBe(true);
  });

  it('is long over once the grace has passed, counted from the lead for who never had one', () => {
    const lease = new Lease(900);
    const times = { ledSince: 50, graceMs: 1_000 };
    const isOver = (now: number, config = three): boolean =>
      lease.isLongOver(now, 1, config, times);
    expect(isOver(9_000)).toBe(false);
    lease.begin(5);
    expect([isOver(1_950), isOver(1_951)]).toEqual([false, true]);
    lease.onAck(2, 5, 100, 1, three, 150);
    expect([isOver(2_000), isOver(2_001)]).toEqual([false, true]);
    expect(isOver(9_000, voters([1]))).toBe(false);
  });

  it('always holds for the only voter, and never without leadership', () => {
    const lease = new Lease(900);
    expect(lease.valid(0, 1, voters([1]))).toBe(false);
    lease.begin(5);
    expect(lease.valid(1_000_000, 1, voters([1]))).toBe(true);
    expect(lease.valid(1_000_000, 1, voters([2]))).toBe(false);
    lease.end();
    expect(lease.valid(0, 1, voters([1]))).toBe(false);
  });
});

/** All sets of these peers. */
function subsets(ids: readonly number[]): number[][] {
  const sets: number[][] = [[]];
  for (const id of ids) for (const set of sets.slice()) sets.push([...set, id]);
  return sets;
}

const isMajority = (of: readonly number[], granted: readonly number[]): boolean =>
  of.length === 0 || of.filter((id) => granted.includes(id)).length > of.length / 2;

/** Configurations one step apart, the leader 1 a voter of both: simple changes, into joint ones and out of them. */
function* steps(peers: readonly number[]): Generator<[ConfState, ConfState]> {
  const sets = subsets(peers.filter((id) => id !== 1)).map((set) => [1, ...set]);
  for (const before of sets) {
    for (const after of sets) {
      const joint = voters(after, before);
      yield [voters(before), joint];
      yield [joint, voters(after)];
      const differ = peers.filter((id) => before.includes(id) !== after.includes(id)).length;
      if (differ === 1) yield [voters(before), voters(after)];
    }
  }
}

describe('a lease over a change of the voters', () => {
  it('any quorum that elects another leader, one step before or behind, has a peer that promised not to vote', () => {
    const peers = [1, 2, 3, 4, 5];
    // The leader does not vote for another while it leads.
    const others = subsets(peers.slice(1));
    let leases = 0;
    const check = (of: ConfState, elects: ConfState): void => {
      for (const acked of others) {
        const lease = new Lease(900);
        lease.begin(5);
        for (const id of acked) lease.onAck(id, 5, 100, 1, of, 100);
        if (!lease.valid(101, 1, of)) continue;
        leases++;
        const free = peers.filter((id) => id !== 1 && !acked.includes(id));
        const elected = isMajority(elects.voters, free) && isMajority(elects.votersOutgoing, free);
        expect(elected, `${JSON.stringify([of, elects])}: ${acked} acknowledged`).toBe(false);
      }
    };
    for (const [before, after] of steps(peers)) {
      check(before, after);
      check(after, before);
    }
    expect(leases).toBeGreaterThan(1_000);
  });

  it('counts what was acknowledged under the configuration in force', () => {
    const lease = new Lease(900);
    lease.begin(5);
    lease.onAck(2, 5, 100, 1, three, 150);
    lease.reconfigure(1, voters([1, 2, 3, 4]), 160);
    expect(lease.valid(170, 1, voters([1, 2, 3, 4]))).toBe(false);
    lease.onAck(4, 5, 120, 1, voters([1, 2, 3, 4]), 170);
    expect(lease.valid(999, 1, voters([1, 2, 3, 4]))).toBe(true);
    lease.reconfigure(1, voters([1, 4, 5]), 180);
    expect(lease.valid(1_019, 1, voters([1, 4, 5]))).toBe(true);
    expect(lease.valid(1_020, 1, voters([1, 4, 5]))).toBe(false);
    lease.end();
    lease.reconfigure(1, voters([1]), 200);
    expect(lease.valid(200, 1, voters([1]))).toBe(false);
  });
});

describe('lease_clock_rate_skew', () => {
  it('a lease ends on its own clock before a follower whose clock is 5 % faster may vote', () => {
    expect(CLOCK_DRIFT_MAX).toBe(0.05);
    for (const [electionTicks, tickMs] of [
      [10, 100],
      [10, 50],
      [3, 10],
    ] as const) {
      const refusalMs = (electionTicks - 1) * tickMs;
      const lease = leaseMs(electionTicks, tickMs);
      expect(lease * (1 + CLOCK_DRIFT_MAX)).toBeLessThanOrEqual(refusalMs + 1e-9);
      expect(lease).toBeGreaterThan(0.9 * refusalMs);
    }
  });
});

describe('heartbeat stamps', () => {
  it('come back with the context that they were put before', () => {
    const stamped = stampContext(Uint8Array.of(1, 2), 123.5);
    expect(unstampContext(stamped)).toEqual({ sentAt: 123.5, context: Uint8Array.of(1, 2) });
  });

  it('are not read out of a context that is too short', () => {
    expect(unstampContext(Uint8Array.of(1, 2))).toBeUndefined();
  });
});
