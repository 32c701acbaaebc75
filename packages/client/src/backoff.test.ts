import { fakeEnv } from '@tinykv/base/testing';
import { expect, it } from 'vitest';
import { Backoff } from './backoff.js';

async function pauses(backoff: Backoff, count: number, env = fakeEnv()): Promise<number[]> {
  const out: number[] = [];
  for (let i = 0; i < count; i++) {
    const before = env.clock.mono();
    if (!(await env.clock.runUntil(backoff.pause('update-leader')))) break;
    out.push(env.clock.mono() - before);
  }
  return out;
}

it('doubles up to its cap, until the deadline would pass', async () => {
  const env = fakeEnv();
  const backoff = new Backoff(env, env.clock.mono() + 36);
  expect(await pauses(backoff, 100, env)).toEqual([1, 2, 4, 8, 10, 10]);
  expect(backoff.remainingMs()).toBe(1);
});

it('a fork goes on from where it is, by itself', async () => {
  const env = fakeEnv();
  const backoff = new Backoff(env, env.clock.mono() + 1_000);
  await pauses(backoff, 2, env);
  expect(await pauses(backoff.fork(), 2, env)).toEqual([4, 8]);
  expect(await pauses(backoff, 1, env)).toEqual([4]);
  backoff.reset();
  expect(await pauses(backoff, 1, env)).toEqual([1]);
  expect(backoff.forkFor(50).remainingMs()).toBe(50);
});

it('half of a pause with jitter is random, and a bound of the caller holds', async () => {
  const env = fakeEnv();
  const seen = new Set<number>();
  for (let i = 0; i < 20; i++) {
    const before = env.clock.mono();
    const backoff = new Backoff(env, Number.POSITIVE_INFINITY);
    await env.clock.runUntil(backoff.pause('server-busy'));
    const ms = env.clock.mono() - before;
    expect(ms).toBeGreaterThanOrEqual(5);
    expect(ms).toBeLessThanOrEqual(10);
    seen.add(ms);
  }
  expect(seen.size).toBeGreaterThan(10);
  const before = env.clock.mono();
  await env.clock.runUntil(new Backoff(env, Number.POSITIVE_INFINITY).pause('server-busy', 3));
  expect(env.clock.mono() - before).toBe(3);
});
