import { utf8 } from '@tinykv/base';
import type { Region, RegionWithLeader } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import { RegionCache } from './region-cache.js';

function region(id: number, start: string, end: string, version: number, confVer = 1): Region {
  const peers = [1, 2, 3].map((storeId) => ({ id: id * 10 + storeId, storeId, learner: false }));
  return { id, range: { start: utf8(start), end: utf8(end) }, epoch: { confVer, version }, peers };
}

function cacheOf(...answers: (Region | undefined)[]): { cache: RegionCache; asked: () => number } {
  let asked = 0;
  const getRegion = async (): Promise<RegionWithLeader | undefined> => {
    const found = answers[Math.min(asked++, answers.length - 1)];
    return found && { region: found, leader: found.peers[1] };
  };
  return { cache: new RegionCache({ getRegion }), asked: () => asked };
}

describe('RegionCache', () => {
  it('asks once for those who want the same key at the same time', async () => {
    const { cache, asked } = cacheOf(region(1, '', '', 1));
    const [a, b] = await Promise.all([cache.load(utf8('k')), cache.load(utf8('k'))]);
    expect(a).toBe(b);
    expect(asked()).toBe(1);
    expect(cache.find(utf8('x'))).toBe(a);
    expect(a?.leader.storeId).toBe(2);
  });

  it('a split replaces the old Region, in any order of the news', async () => {
    const { cache } = cacheOf(region(1, '', '', 1));
    await cache.load(utf8('k'));
    expect(cache.update([region(2, 'm', '', 2)], 1)).toBe(true);
    expect(cache.find(utf8('a'))).toBeUndefined();
    expect(cache.update([region(1, '', 'm', 2), region(2, 'm', '', 2)], 1)).toBe(true);
    expect(cache.find(utf8('a'))?.id).toBe(1);
    expect(cache.find(utf8('x'))?.id).toBe(2);
  });

  it('old news changes nothing', async () => {
    const { cache } = cacheOf(region(1, '', '', 1));
    cache.update([region(1, '', 'm', 2), region(2, 'm', '', 2)], 1);
    expect(cache.update([region(1, '', '', 1)], 1)).toBe(false);
    // The scheduler has not heard of the split: its answer is used, not kept.
    const second = cache.find(utf8('x'))!;
    cache.invalidate(second);
    const loaded = await cache.load(utf8('x'));
    expect(loaded?.region.epoch.version).toBe(1);
    expect(cache.find(utf8('x'))).toBeUndefined();
    expect(cache.find(utf8('a'))?.region.epoch.version).toBe(2);
  });

  it('a Region without voters is none', async () => {
    const learners = region(1, '', '', 1).peers.map((peer) => ({ ...peer, learner: true }));
    const { cache } = cacheOf({ ...region(1, '', '', 1), peers: learners });
    expect(await cache.load(utf8('k'))).toBeUndefined();
  });

  it('moves on from a peer once, however many requests it has failed', async () => {
    const { cache } = cacheOf(region(1, '', '', 1));
    const cached = (await cache.load(utf8('k')))!;
    const failed = cached.leader;
    cached.tryNext(failed);
    cached.tryNext(failed);
    expect(cached.leader.storeId).toBe(3);
    const hint = { id: 11, storeId: 1, learner: false };
    expect(cached.followHint(failed, hint)).toBe(true);
    expect(cached.leader.storeId).toBe(3);
    expect(cached.followHint(cached.leader, hint)).toBe(true);
    expect(cached.leader.storeId).toBe(1);
  });
});
