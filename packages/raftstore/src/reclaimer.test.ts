import { KvError, limits, type Reclaimed, toHex, utf8 } from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import { locationKey, regionRanges } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import { SpaceReclaimer } from './reclaimer.js';

const { reclaimStepBytes, reclaimBytesPerSecond, reclaimRangesMax } = limits;
const RANGE = { start: locationKey('raw', utf8('a')), end: locationKey('raw', utf8('b')) };
const FAMILIES = regionRanges('raw', RANGE).length;

let env: FakeEnv;
let asked: string[];
let running: number;
let most: number;
let answer: () => Promise<Reclaimed>;
let fatal: unknown[];

beforeEach(() => {
  env = fakeEnv();
  asked = [];
  running = 0;
  most = 0;
  answer = async () => ({ bytes: 0, next: undefined });
  fatal = [];
});

function reclaimer(): SpaceReclaimer {
  const reclaim = async (start: Uint8Array): Promise<Reclaimed> => {
    asked.push(toHex(start));
    running++;
    most = Math.max(most, running);
    try {
      return await answer();
    } finally {
      running--;
    }
  };
  const made = new SpaceReclaimer({
    env,
    engine: { reclaim },
    api: 'raw',
    fatal: (error) => fatal.push(error),
  });
  return made;
}

describe('the space of wiped ranges', () => {
  it('is given back for every family of the range, in steps, one at a time', async () => {
    const parts = reclaimer();
    parts.add(RANGE);
    parts.add(RANGE);
    await env.clock.advance(1_000);
    expect(asked).toEqual([]);
    let left = 3;
    const next = Uint8Array.of(1, 2);
    answer = async () => ({ bytes: 10, next: --left > 0 ? next : undefined });
    parts.start();
    await env.clock.run(1_000);
    expect(asked.slice(1, 3)).toEqual(['0102', '0102']);
    expect(asked).toHaveLength(2 * FAMILIES + 2);
    expect(most).toBe(1);
    // A range that comes when all is done is done, too.
    parts.add(RANGE);
    await env.clock.run(1_000);
    expect(asked).toHaveLength(3 * FAMILIES + 2);
    await parts.stop();
  });

  it('takes no more of the disk in a second than the rate', async () => {
    const parts = reclaimer();
    answer = async () => ({ bytes: reclaimStepBytes, next: Uint8Array.of(1) });
    parts.start();
    parts.add(RANGE);
    await env.clock.run(10_000);
    const perSecond = reclaimBytesPerSecond / reclaimStepBytes;
    expect(asked.length).toBeGreaterThanOrEqual(10 * perSecond - 1);
    expect(asked.length).toBeLessThanOrEqual(10 * perSecond + 1);
    const stopped = parts.stop();
    await env.clock.run(1_000);
    await stopped;
    expect(env.clock.pendingTimers).toBe(0);
  });

  it('waits while the disk is full, and goes on where it was', async () => {
    const parts = reclaimer();
    answer = () => Promise.reject(new KvError('RESOURCE_EXHAUSTED', 'no space left'));
    parts.start();
    parts.add(RANGE);
    await env.clock.run(5_000);
    expect(asked).toHaveLength(1);
    answer = async () => ({ bytes: 0, next: undefined });
    await env.clock.run(10_000);
    expect(asked).toHaveLength(FAMILIES + 1);
    expect(asked[1]).toBe(asked[0]);
    expect(fatal).toEqual([]);
    answer = () => Promise.reject(new KvError('INTERNAL', 'input/output error'));
    parts.add(RANGE);
    await env.clock.run(1_000);
    expect(fatal).toHaveLength(1);
    await parts.stop();
  });

  it('is waited for by a bounded number of ranges, none of which is left out', async () => {
    const parts = reclaimer();
    for (let i = 0; i < reclaimRangesMax; i++) parts.add(RANGE);
    parts.start();
    await env.clock.run(2_000);
    expect(asked).toHaveLength(reclaimRangesMax);
    await parts.stop();
  });
});
