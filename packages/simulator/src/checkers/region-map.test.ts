import { utf8 } from '@tinykv/base';
import type { Region } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import { describeGap, RegionHistory } from './region-map.js';

/** `v2 c3 [a, m) 1 2 3`; peers are numbered like their stores, and `3?` is a learner. */
function region(id: number, text: string): Region {
  const match = /^v(\d+) c(\d+) \[(\w*), (\w*)\) ?(.*)$/.exec(text)!;
  const [, version, confVer, start, end, peers] = match as unknown as string[];
  return {
    id,
    epoch: { version: Number(version), confVer: Number(confVer) },
    range: { start: utf8(start!), end: utf8(end!) },
    peers: peers!
      .split(' ')
      .filter((peer) => peer !== '')
      .map((peer) => ({
        id: Number.parseInt(peer, 10),
        storeId: Number.parseInt(peer, 10),
        learner: peer.endsWith('?'),
      })),
  };
}

/** What one store after another shows of Region 1. */
function kinds(...states: readonly string[]): string[] {
  const history = new RegionHistory();
  for (const [i, state] of states.entries()) history.observe(region(1, state), `store-${i}`);
  return history.violations().map(({ message }) => message.split(':')[0]!);
}

describe('the history of a region', () => {
  it('passes with splits and changes of peers, one by one or several at once', () => {
    expect(
      kinds(
        'v1 c1 [, ) 1',
        'v1 c2 [, ) 1 2?',
        'v1 c3 [, ) 1 2',
        'v2 c3 [, m) 1 2',
        'v4 c3 [, f) 1 2',
        'v4 c6 [, f) 2 3',
      ),
    ).toEqual([]);
  });

  it('passes when replicas lag behind each other', () => {
    expect(kinds('v2 c2 [, m) 1 2', 'v1 c1 [, ) 1', 'v1 c2 [, ) 1 2', 'v2 c2 [, m) 1 2')).toEqual(
      [],
    );
  });

  it('takes no notice of a peer that knows nothing yet', () => {
    expect(kinds('v0 c0 [, )', 'v2 c1 [a, m) 1', 'v0 c0 [, )')).toEqual([]);
  });

  it('convicts a replica that goes back', () => {
    const history = new RegionHistory();
    history.observe(region(1, 'v2 c2 [, m) 1 2'), 'store-1');
    history.observe(region(1, 'v2 c1 [, m) 1'), 'store-1');
    expect(history.violations()).toMatchObject([{ oracle: 'regions' }]);
  });

  it('convicts two states with one epoch', () => {
    expect(kinds('v1 c2 [, ) 1 2', 'v1 c2 [, ) 1 3')).toEqual(['epoch']);
    expect(kinds('v2 c1 [, m) 1', 'v2 c1 [, n) 1')).toEqual(['epoch']);
    expect(kinds('v1 c2 [, ) 1 2', 'v1 c2 [, ) 1 2?')).toEqual(['epoch']);
  });

  it('convicts epochs that have no order', () => {
    expect(kinds('v1 c2 [, ) 1 2', 'v2 c1 [, m) 1')).toEqual(['epoch']);
  });

  it('convicts a step of conf_ver without a change, and two changes in one step', () => {
    expect(kinds('v1 c1 [, ) 1', 'v1 c2 [, ) 1')).toEqual(['peers']);
    expect(kinds('v1 c1 [, ) 1', 'v1 c2 [, ) 1 2 3')).toEqual(['peers']);
    expect(kinds('v1 c1 [, ) 1', 'v2 c1 [, m) 1 2')).toEqual(['peers']);
  });

  it('convicts a range that changes without a split, grows, or loses its lower part', () => {
    expect(kinds('v1 c1 [, ) 1', 'v1 c2 [, m) 1 2')).toEqual(['range']);
    expect(kinds('v1 c1 [, ) 1', 'v2 c1 [, ) 1')).toEqual(['range']);
    expect(kinds('v2 c1 [, m) 1', 'v3 c1 [, z) 1')).toEqual(['range']);
    expect(kinds('v1 c1 [, ) 1', 'v2 c1 [m, ) 1')).toEqual(['range']);
  });

  it('convicts what lies between two states that were seen before', () => {
    expect(kinds('v1 c1 [, ) 1', 'v3 c1 [, f) 1', 'v2 c1 [, c) 1')).toEqual(['range']);
  });

  it('convicts two regions of one version with the same keys', () => {
    const history = new RegionHistory();
    history.observe(region(1, 'v2 c1 [, m) 1'), 'store-1');
    history.observe(region(2, 'v2 c1 [m, ) 1'), 'store-1');
    history.observe(region(1, 'v1 c1 [, ) 1'), 'store-2');
    expect(history.violations()).toEqual([]);
    history.observe(region(3, 'v2 c1 [k, p) 1'), 'store-1');
    expect(history.violations()).toMatchObject([
      { message: expect.stringContaining('overlap: regions 1 and 3') },
    ]);
  });
});

describe('all regions', () => {
  const regions = (...ranges: readonly string[]): Region[] =>
    ranges.map((range, i) => region(i + 1, `v1 c1 ${range} 1`));

  it('cover all keys', () => {
    expect(describeGap(regions('[, )'))).toBeUndefined();
    expect(describeGap(regions('[m, )', '[, c)', '[c, m)'))).toBeUndefined();
  });

  it.each([
    ['none at all', regions()],
    ['a gap before the first', regions('[a, )')],
    ['a gap between two', regions('[, c)', '[d, )')],
    ['a gap after the last', regions('[, c)', '[c, m)')],
    ['two that overlap', regions('[, m)', '[c, )')],
    ['one after the end of all keys', regions('[, )', '[m, )')],
  ])('are convicted of %s', (_, list) => {
    expect(describeGap(list)).toBeDefined();
  });
});
