import { err, KvError, ok, type Result, utf8 } from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import type { GcProgress, RegionError } from '@tinykv/model';
import { SafePointMark } from '@tinykv/raftstore';
import type { Collected, CollectRequest } from '@tinykv/txn';
import { beforeEach, describe, expect, it } from 'vitest';
import { type GcHost, GcWorker, type LedRegion } from '../src/store/gc-worker.js';

const POLL_MS = 1_000;
const PAUSE_MS = 10;

const led = (id: number, start: string, end: string): LedRegion => ({
  region: {
    id,
    range: { start: utf8(start), end: utf8(end) },
    epoch: { confVer: 1, version: 1 },
    peers: [{ id: 10 * id, storeId: 1, learner: false }],
  },
  peerId: 10 * id,
});

let env: FakeEnv;
let worker: GcWorker;
let progress: GcProgress;
let regions: LedRegion[];
let safePoint: SafePointMark;
/** What the worker has done, in order. */
let steps: string[];
let pagesPerRegion: number;
let refusal: RegionError | undefined;
let sweep: () => Promise<number>;
let failures: unknown[];

beforeEach(() => {
  env = fakeEnv();
  progress = { safePoint: 0n, resolved: 0n };
  regions = [led(1, '', 'm'), led(2, 'm', '')];
  safePoint = SafePointMark.load({ get: () => undefined } as never);
  steps = [];
  failures = [];
  pagesPerRegion = 1;
  refusal = undefined;
  sweep = async () => 3;
  const collect = async (
    { regionId }: { regionId: number },
    { safePoint: upTo, startKey }: CollectRequest,
  ): Promise<Result<Result<Collected, never>, RegionError>> => {
    expect(safePoint.value).toBeGreaterThanOrEqual(upTo);
    if (refusal !== undefined) return err(refusal);
    const page = startKey[0] ?? 1;
    steps.push(`page ${page} of ${regionId} up to ${upTo}`);
    const nextKey = page < pagesPerRegion ? Uint8Array.of(page + 1) : undefined;
    return ok(ok({ nextKey, versions: 7 }));
  };
  const host: GcHost = {
    scheduler: {
      gcProgress: async () => progress,
      locksResolved: async (upTo) => {
        steps.push(`resolved up to ${upTo}`);
        progress = { ...progress, resolved: upTo };
      },
    },
    safePoint,
    gc: { collect } as unknown as GcHost['gc'],
    sweep: (upTo) => {
      steps.push(`sweep before ${upTo}`);
      return sweep();
    },
    led: () => regions,
    fatal: (error) => failures.push(error),
  };
  worker = new GcWorker(env, host, { gcPollMs: POLL_MS, gcPagePauseMs: PAUSE_MS });
  worker.start();
});

describe('a store', () => {
  it('collects nothing before the locks of the whole cluster are resolved', async () => {
    progress = { safePoint: 50n, resolved: 20n };
    await env.clock.run(POLL_MS + 5 * PAUSE_MS);
    expect(safePoint.value).toBe(50n);
    expect(steps).toEqual([
      'sweep before 50',
      'resolved up to 50',
      'page 1 of 1 up to 20',
      'page 1 of 2 up to 20',
    ]);
    steps.length = 0;
    await env.clock.run(POLL_MS + 5 * PAUSE_MS);
    expect(steps).toEqual(['page 1 of 1 up to 50', 'page 1 of 2 up to 50']);
  });

  it('that does not lead the first Region leaves the locks to the one that does', async () => {
    regions = [led(2, 'm', '')];
    progress = { safePoint: 50n, resolved: 20n };
    await env.clock.run(POLL_MS + 5 * PAUSE_MS);
    expect(steps).toEqual(['page 1 of 2 up to 20']);
  });

  it('says nothing of locks that it could not resolve, and tries again', async () => {
    regions = [led(1, '', 'm')];
    progress = { safePoint: 50n, resolved: 0n };
    sweep = () => Promise.reject(new KvError('UNAVAILABLE', 'no region'));
    await env.clock.run(2 * POLL_MS + 5 * PAUSE_MS);
    expect(steps).toEqual(['sweep before 50', 'sweep before 50']);
    expect(failures).toEqual([]);
  });

  it('stops when an invariant breaks on the way', async () => {
    progress = { safePoint: 50n, resolved: 0n };
    sweep = () => Promise.reject(new Error('broken'));
    await env.clock.run(POLL_MS + 5 * PAUSE_MS);
    expect(failures).toHaveLength(1);
  });
});

describe('pages', () => {
  it('come one at a time with a pause after each, in which others have their turn', async () => {
    progress = { safePoint: 50n, resolved: 50n };
    pagesPerRegion = 4;
    regions = [led(1, '', '')];
    await env.clock.run(POLL_MS);
    const seen = [steps.length];
    for (let i = 0; i < 5; i++) {
      await env.clock.run(PAUSE_MS);
      seen.push(steps.length);
    }
    expect(seen).toEqual([1, 2, 3, 4, 4, 4]);
  });

  it('of a Region that is done are not read again until the safe point moves or the Region changes', async () => {
    progress = { safePoint: 50n, resolved: 50n };
    regions = [led(1, '', '')];
    await env.clock.run(5 * POLL_MS);
    expect(steps).toHaveLength(1);
    const [first] = regions;
    const region = { ...first!.region, epoch: { confVer: 1, version: 2 } };
    regions = [{ ...first!, region }];
    await env.clock.run(5 * POLL_MS);
    expect(steps).toHaveLength(2);
    progress = { safePoint: 60n, resolved: 60n };
    await env.clock.run(5 * POLL_MS);
    expect(steps).toHaveLength(3);
  });

  it('of a Region that answers with an error wait for the next round', async () => {
    progress = { safePoint: 50n, resolved: 50n };
    refusal = { type: 'not-leader', regionId: 1, leader: undefined };
    await env.clock.run(2 * POLL_MS);
    expect(steps).toEqual([]);
    refusal = undefined;
    await env.clock.run(2 * POLL_MS);
    expect(steps).toHaveLength(2);
  });

  it('end when the store stops', async () => {
    progress = { safePoint: 50n, resolved: 50n };
    pagesPerRegion = 1_000;
    await env.clock.run(POLL_MS + 3 * PAUSE_MS);
    const before = steps.length;
    await worker.stop();
    await env.clock.run(100 * PAUSE_MS);
    expect(steps.length).toBeLessThanOrEqual(before + 1);
    expect(env.clock.pendingTimers).toBe(0);
  });
});
