import type { Region } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import { changePeer, splitRegion } from './region-change.js';
import { subtractRanges } from './subtract-ranges.js';

const none = new Uint8Array(0);
const key = (n: number): Uint8Array => Uint8Array.of(n);
const region: Region = {
  id: 1,
  range: { start: none, end: none },
  epoch: { confVer: 4, version: 2 },
  peers: [
    { id: 11, storeId: 1, learner: false },
    { id: 12, storeId: 2, learner: false },
  ],
};

describe('split', () => {
  it('keeps the left, makes the right, and raises the version of both by the number of cuts', () => {
    const result = splitRegion(region, [
      { key: key(5), regionId: 2, peerIds: [21, 22] },
      { key: key(9), regionId: 3, peerIds: [31, 32] },
    ]);
    if (!result.ok) throw new Error('refused');
    expect(result.value.map((r) => [r.id, [...r.range.start], [...r.range.end]])).toEqual([
      [1, [], [5]],
      [2, [5], [9]],
      [3, [9], []],
    ]);
    for (const part of result.value) expect(part.epoch).toEqual({ confVer: 4, version: 4 });
    expect(result.value[1]!.peers.map((p) => [p.id, p.storeId])).toEqual([
      [21, 1],
      [22, 2],
    ]);
  });

  it('refuses a key that is outside or at the start, keys that do not ascend, peers that do not match', () => {
    const inner: Region = { ...region, range: { start: key(3), end: key(7) } };
    for (const bad of [2, 3, 7, 8]) {
      expect(splitRegion(inner, [{ key: key(bad), regionId: 2, peerIds: [1, 2] }]).ok).toBe(false);
    }
    const twice = [5, 5].map((n) => ({ key: key(n), regionId: n, peerIds: [1, 2] }));
    expect(splitRegion(inner, twice).ok).toBe(false);
    expect(splitRegion(inner, [{ key: key(5), regionId: 2, peerIds: [1] }]).ok).toBe(false);
  });
});

describe('change of a peer', () => {
  const peer = { id: 13, storeId: 3, learner: false };

  it('adds and removes, one conf_ver a step', () => {
    const added = changePeer(region, { type: 'add', peer, confVer: 4 })!;
    expect(added.epoch).toEqual({ confVer: 5, version: 2 });
    expect(added.peers).toHaveLength(3);
    const removed = changePeer(added, { type: 'remove', peer, confVer: 5 })!;
    expect(removed.epoch.confVer).toBe(6);
    expect(removed.peers).toEqual(region.peers);
  });

  it('does nothing twice, and nothing that was decided under another conf_ver', () => {
    expect(changePeer(region, { type: 'add', peer, confVer: 3 })).toBeUndefined();
    const known = { ...peer, storeId: 2 };
    expect(changePeer(region, { type: 'add', peer: known, confVer: 4 })).toBeUndefined();
    expect(changePeer(region, { type: 'remove', peer, confVer: 4 })).toBeUndefined();
    expect(changePeer(region, { type: 'remove', peer: known, confVer: 4 })).toBeUndefined();
  });

  it('makes a voter of a learner', () => {
    const learner = changePeer(region, {
      type: 'add',
      peer: { ...peer, learner: true },
      confVer: 4,
    })!;
    const voter = changePeer(learner, { type: 'add', peer, confVer: 5 })!;
    expect(voter.peers.find((p) => p.id === 13)?.learner).toBe(false);
    expect(voter.peers).toHaveLength(3);
  });
});

describe('a range less others', () => {
  const range = (start: number, end: number): { start: Uint8Array; end: Uint8Array } => ({
    start: start === 0 ? none : key(start),
    end: end === 0 ? none : key(end),
  });
  const show = (ranges: readonly { start: Uint8Array; end: Uint8Array }[]): number[][] =>
    ranges.map((r) => [r.start[0] ?? 0, r.end[0] ?? 0]);

  it('is what no other covers', () => {
    expect(show(subtractRanges(range(0, 0), []))).toEqual([[0, 0]]);
    expect(show(subtractRanges(range(2, 9), [range(4, 5), range(7, 0)]))).toEqual([
      [2, 4],
      [5, 7],
    ]);
    expect(show(subtractRanges(range(2, 9), [range(1, 3), range(8, 12)]))).toEqual([[3, 8]]);
    expect(show(subtractRanges(range(2, 9), [range(0, 0)]))).toEqual([]);
    expect(show(subtractRanges(range(2, 9), [range(9, 12)]))).toEqual([[2, 9]]);
  });
});
