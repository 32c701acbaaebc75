import { ManualClock } from '@tinykv/base/testing';
import { expect, it } from 'vitest';
import { Endings } from './endings.js';

it('a stop waits for peers that are being removed, but not for ever', async () => {
  const clock = new ManualClock();
  const endings = new Endings(clock, () => undefined);
  await endings.done();
  let end = (): void => undefined;
  endings.add(new Promise((resolve) => (end = resolve)));
  endings.add(new Promise(() => undefined));
  let stopped = false;
  void endings.done().then(() => (stopped = true));
  end();
  await clock.run(4_000);
  expect(stopped).toBe(false);
  await clock.run(1_000);
  expect(stopped).toBe(true);
});

it('the error of a removal ends the store', async () => {
  const errors: unknown[] = [];
  const endings = new Endings(new ManualClock(), (error) => errors.push(error));
  endings.add(Promise.reject(new Error('engine is gone')));
  await endings.done();
  expect(errors).toEqual([new Error('engine is gone')]);
});
