import { afterEach, beforeEach, expect, it } from 'vitest';
import { turns } from './turns.js';

// The runner listens too, and would call what a test leaves unhandled a failure.
const others = process.listeners('unhandledRejection');
beforeEach(() => {
  process.removeAllListeners('unhandledRejection');
});
afterEach(() => {
  for (const listener of others) process.on('unhandledRejection', listener);
});

const unexpected = (error: unknown): never => {
  throw error;
};

it('all promise jobs that a step sets off run before the next step', async () => {
  const seen: string[] = [];
  let steps = 0;
  const chain = async (step: number): Promise<void> => {
    for (let i = 0; i < 5; i++) await undefined;
    seen.push(`jobs of ${step}`);
  };
  await turns(() => {
    if (steps === 200) return false;
    seen.push(`step ${steps}`);
    void chain(steps++);
    return true;
  }, unexpected);
  expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => [`step ${i}`, `jobs of ${i}`]).flat());
});

it('no step is called after the one that says that it was the last', async () => {
  let steps = 0;
  await turns(() => ++steps < 3, unexpected);
  await new Promise((resolve) => setImmediate(resolve));
  expect(steps).toBe(3);
});

it('a promise that nobody handles is reported before the next step', async () => {
  const errors: unknown[] = [];
  const reported: number[] = [];
  await turns(
    () => {
      reported.push(errors.length);
      if (reported.length === 1) void Promise.reject(new Error('unhandled'));
      return reported.length < 3;
    },
    (error) => errors.push(error),
  );
  expect(errors).toHaveLength(1);
  expect(reported).toEqual([0, 1, 1]);
});
