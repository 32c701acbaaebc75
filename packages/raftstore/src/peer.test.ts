import { EMPTY_BYTES, limits, MemoryBudget, ok } from '@tinykv/base';
import type { Region } from '@tinykv/model';
import type { Group } from '@tinykv/replica';
import { describe, expect, it } from 'vitest';
import { Peer } from './peer.js';

const region: Region = {
  id: 3,
  range: { start: EMPTY_BYTES, end: EMPTY_BYTES },
  epoch: { confVer: 1, version: 1 },
  peers: [{ id: 4, storeId: 1, learner: false }],
};

/** A peer whose group a test makes leader or follower, and what its waiters are told, by name. */
class Fixture {
  readonly told: string[] = [];
  readonly node = { term: 2, lead: 4, committed: 10, lastIndex: 10, propose: () => this.#append() };
  readonly budget = new MemoryBudget(1_000_000);
  readonly group = {
    isLeader: true,
    node: this.node,
    budget: this.budget,
    touch: () => undefined,
  };
  readonly peer = new Peer(region.peers[0]!, region, this.group as unknown as Group, 0);

  #append(): ReturnType<Group['node']['propose']> {
    return ok(++this.node.lastIndex);
  }

  submit(name: string): void {
    this.peer.submit({
      modifies: [],
      bytes: 1,
      term: this.node.term,
      version: 1,
      waiter: {
        done: (result) => void this.told.push(`${name} ${result.ok ? 'ok' : result.error.type}`),
        unknown: ({ code }) => void this.told.push(`${name} ${code}`),
      },
    });
  }

  propose(name: string): void {
    this.submit(name);
    this.peer.proposePending();
  }

  apply(index: number, term: number): void {
    for (const waiter of this.peer.takeWaiters({ index, term })) waiter.done(ok(undefined));
  }

  leads(isLeader: boolean, term: number): void {
    this.group.isLeader = isLeader;
    this.node.term = term;
    this.peer.releaseWaiters();
  }
}

describe('the waiters of a peer', () => {
  it('that loses the lead are told at once: waiting commands refused, proposed ones unknown', () => {
    const f = new Fixture();
    f.propose('a');
    f.propose('b');
    f.submit('c');
    f.node.committed = 11;
    f.leads(false, 3);
    expect(f.told).toEqual(['b UNKNOWN']);
    f.peer.proposePending();
    expect(f.told).toEqual(['b UNKNOWN', 'c not-leader']);
    f.apply(11, 2);
    expect(f.told).toEqual(['b UNKNOWN', 'c not-leader', 'a ok']);
  });

  it('that leads again are not mixed with those of the former term', () => {
    const f = new Fixture();
    for (const name of ['a', 'b', 'c']) f.propose(name);
    f.leads(false, 3);
    f.told.length = 0;
    // The leader of term 3 has written one entry.
    Object.assign(f.node, { lastIndex: 12, committed: 12 });
    f.leads(true, 4);
    f.propose('d');
    f.apply(11, 3);
    f.apply(12, 4);
    f.apply(13, 4);
    expect(f.told).toEqual(['d ok']);
  });

  it('do not count against the limit once they have been told', () => {
    const f = new Fixture();
    for (let i = 0; i < limits.regionInflightCommandsMax; i++) {
      if (i % 1_024 === 1_023) f.propose(`${i}`);
      else f.submit(`${i}`);
    }
    f.submit('one too many');
    expect(f.told).toEqual(['one too many server-is-busy']);
    f.leads(false, 3);
    expect(f.told).toHaveLength(1 + limits.regionInflightCommandsMax);
    f.leads(true, 4);
    f.propose('again');
    f.apply(f.node.lastIndex, 4);
    expect(f.told.at(-1)).toBe('again ok');
  });

  it('that is gone are refused, also those that come later', () => {
    const f = new Fixture();
    f.propose('a');
    f.submit('b');
    f.peer.abandon();
    expect(f.told).toEqual(['b region-not-found', 'a UNKNOWN']);
    f.submit('c');
    expect(f.told.at(-1)).toBe('c region-not-found');
  });
});
