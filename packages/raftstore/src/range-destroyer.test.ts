import { fromKeyString, type IteratorRange, type KvEngine, keyString, utf8 } from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import { type KeyRange, locationKey, newestKey, type Region } from '@tinykv/model';
import type { Group } from '@tinykv/replica';
import { beforeEach, describe, expect, it } from 'vitest';
import { Peer } from './peer.js';
import { RangeDestroyer } from './range-destroyer.js';
import { PeerRegistry } from './registry.js';

const META = { id: 11, storeId: 1, learner: false };
const rangeOf = (start: string, end: string): KeyRange => ({
  start: locationKey('txn', utf8(start)),
  end: locationKey('txn', utf8(end)),
});

/** A group whose log is applied when the test says so. */
interface FakeGroup {
  readonly id: number;
  applied: number;
  readonly node: { lastIndex: number };
  destroyed: boolean;
}

let env: FakeEnv;
/** Keys in the engine, and what was asked of it. */
let stored: Set<string>;
let registry: PeerRegistry;
let events: string[];

beforeEach(() => {
  env = fakeEnv();
  stored = new Set();
  registry = new PeerRegistry(1, 'txn');
  events = [];
});

function addPeer(id: number, start: string, end: string, applied: number): FakeGroup {
  const group: FakeGroup = { id, applied, node: { lastIndex: applied }, destroyed: false };
  const epoch = { confVer: 1, version: 1 };
  const region: Region = { id, range: rangeOf(start, end), epoch, peers: [META] };
  registry.add(new Peer(META, region, group as unknown as Group, 0));
  return group;
}

function put(key: string): void {
  stored.add(keyString(newestKey(utf8(key))));
}

const engine = {
  iterator: ({ start, end }: IteratorRange) => {
    const isIn = (key: string): boolean => key >= keyString(start) && key < keyString(end);
    const left = [...stored].filter(isIn);
    return {
      next: async (limit: number) => left.splice(0, limit).map((key) => [fromKeyString(key)]),
      close: async () => undefined,
    };
  },
  batch: () => ({ delete: (key: Uint8Array) => stored.delete(keyString(key)) }),
  write: async () => {
    events.push('write');
  },
  barrier: async () => {
    events.push('barrier');
  },
} as unknown as KvEngine;

function destroyer(): RangeDestroyer {
  const fence = (groups: readonly Group[]): Promise<void> => {
    events.push(`fence ${groups.map(({ id, applied }) => `${id}@${applied}`).join(' ')}`);
    return Promise.resolve();
  };
  const wiped = (): void => {
    events.push('wiped');
  };
  return new RangeDestroyer({ env, engine, registry, loop: { fence }, wiped });
}

describe('a range that is destroyed past Raft', () => {
  it('is wiped behind a fence of the Regions over it, and answered behind a barrier', async () => {
    addPeer(1, 'a', 'm', 7);
    addPeer(2, 'm', 'q', 8);
    addPeer(3, 'q', 'z', 9);
    put('l');
    expect(await destroyer().destroy(rangeOf('k', 'n'))).toBeUndefined();
    expect(events).toEqual(['fence 1@7 2@8', 'write', 'barrier', 'wiped']);
    expect(stored.size).toBe(0);
  });

  it('waits for what the logs held when the request came, and for nothing later', async () => {
    const group = addPeer(1, 'a', 'z', 7);
    group.node.lastIndex = 9;
    const answer = destroyer().destroy(rangeOf('k', 'n'));
    group.node.lastIndex = 12;
    await env.clock.advance(100);
    expect(events).toEqual([]);
    put('l');
    group.applied = 9;
    expect(await env.clock.runUntil(answer)).toBeUndefined();
    expect(events[0]).toBe('fence 1@9');
    expect(stored.size).toBe(0);
  });

  it('does not wait for entries that another leader has replaced', async () => {
    const group = addPeer(1, 'a', 'z', 7);
    group.node.lastIndex = 9;
    const answer = destroyer().destroy(rangeOf('k', 'n'));
    group.node.lastIndex = 7;
    expect(await env.clock.runUntil(answer)).toBeUndefined();
  });

  it('is left as it is, with a reason, when a log is not applied in time', async () => {
    addPeer(1, 'a', 'z', 7).node.lastIndex = 9;
    put('l');
    const answer = destroyer().destroy(rangeOf('k', 'n'));
    expect(await env.clock.runUntil(answer)).toBe('region 1 has applied its log up to 7 of 9');
    expect([events, stored.size]).toEqual([[], 1]);
    expect(registry.isBeingCleared(rangeOf('k', 'n'))).toBe(false);
  });

  it('waits for a snapshot that is being installed over it, and keeps off others', async () => {
    addPeer(1, 'a', 'm', 7);
    registry.reserved.set(2, rangeOf('m', 'z'));
    const answer = destroyer().destroy(rangeOf('k', 'n'));
    await env.clock.advance(100);
    expect(events).toEqual([]);
    expect(registry.isBeingCleared(rangeOf('m', 'z'))).toBe(true);
    expect(registry.isBeingCleared(rangeOf('n', 'z'))).toBe(false);
    registry.reserved.delete(2);
    expect(await env.clock.runUntil(answer)).toBeUndefined();
    expect(registry.isBeingCleared(rangeOf('m', 'z'))).toBe(false);
  });
});
