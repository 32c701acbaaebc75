import { err, KvError, ok, type Result, utf8 } from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import type { RegionError, RequestContext } from '@tinykv/model';
import type { ExpiryPage } from '@tinykv/txn';
import { beforeEach, describe, expect, it } from 'vitest';
import { ExpiryWorker } from '../src/store/expiry-worker.js';
import type { LedRegion } from '../src/store/gc-worker.js';

const POLL_MS = 1_000;
const PAUSE_MS = 100;

const led = (id: number): LedRegion => ({
  region: {
    id,
    range: { start: utf8(''), end: utf8('') },
    epoch: { confVer: 1, version: 1 },
    peers: [{ id: 10 * id, storeId: 1, learner: false }],
  },
  peerId: 10 * id,
});

let env: FakeEnv;
let worker: ExpiryWorker;
let pages: string[];
let hasExpiries: boolean;
let answer: (from: number) => Result<ExpiryPage, RegionError>;
let failures: unknown[];

beforeEach(() => {
  env = fakeEnv();
  pages = [];
  failures = [];
  hasExpiries = true;
  answer = () => ok({ next: undefined, removed: 1 });
  const collect = async ({ regionId }: RequestContext, from: Uint8Array | undefined) => {
    pages.push(`${regionId}/${from?.[0] ?? 0}`);
    return answer(from?.[0] ?? 0);
  };
  const host = {
    expiry: { collect },
    hasExpiries: async () => hasExpiries,
    led: () => [led(1), led(2)],
    fatal: (error: unknown) => failures.push(error),
  };
  worker = new ExpiryWorker(env, host, { gcPollMs: POLL_MS, gcPagePauseMs: PAUSE_MS });
  worker.start();
});

describe('the collection of expired raw keys', () => {
  it('goes page by page through the Regions that the store leads, with pauses', async () => {
    answer = (from) => ok({ next: from < 2 ? Uint8Array.of(from + 1) : undefined, removed: 1 });
    await env.clock.run(POLL_MS);
    expect(pages).toEqual(['1/0']);
    await env.clock.run(PAUSE_MS);
    expect(pages).toEqual(['1/0', '1/1']);
    await env.clock.run(4 * PAUSE_MS);
    expect(pages).toEqual(['1/0', '1/1', '1/2', '2/0', '2/1', '2/2']);
  });

  it('asks no Region while no key of the store has a time to live', async () => {
    hasExpiries = false;
    await env.clock.run(3 * POLL_MS);
    expect(pages).toEqual([]);
  });

  it('leaves a Region that refuses for the next round', async () => {
    answer = () => err({ type: 'stale-command' });
    await env.clock.run(2 * POLL_MS);
    expect(pages).toEqual(['1/0', '2/0', '1/0', '2/0']);
    answer = () => {
      throw new KvError('CANCELLED', 'stopped');
    };
    await env.clock.run(POLL_MS);
    expect([pages.length, failures]).toEqual([6, []]);
  });

  it('ends after the page under way', async () => {
    answer = () => ok({ next: Uint8Array.of(1), removed: 1 });
    await env.clock.run(POLL_MS);
    await worker.stop();
    await env.clock.run(3 * POLL_MS);
    expect(pages).toEqual(['1/0']);
  });

  it('tells a broken invariant', async () => {
    answer = () => {
      throw new Error('broken');
    };
    await env.clock.run(POLL_MS);
    expect(failures).toHaveLength(1);
  });
});
