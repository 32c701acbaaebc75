import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { closeDoors } from './doors.js';

let reopen = (): void => undefined;
afterEach(() => reopen());

it.each<[string, () => unknown]>([
  ['Date.now', () => Date.now()],
  ['new Date', () => new Date()],
  ['performance.now', () => performance.now()],
  ['setTimeout', () => setTimeout(() => undefined, 1)],
  ['setImmediate', () => setImmediate(() => undefined)],
  ['Math.random', () => Math.random()],
  ['process.hrtime', () => process.hrtime()],
  ['process.nextTick', () => process.nextTick(() => undefined)],
  ['crypto.randomBytes', () => randomBytes(1)],
  ['fs.readFileSync', () => readFileSync('/dev/null')],
  ['fs.promises.readFile', () => readFile('/dev/null')],
  ['net.createServer', () => createServer()],
])('%s throws while the doors are closed, and works again afterwards', (_, use) => {
  reopen = closeDoors();
  let message = '';
  try {
    use();
  } catch (error) {
    message = (error as Error).message;
  }
  reopen();
  expect(message).toMatch(/closed in a simulation/);
  expect(() => use()).not.toThrow();
});

it('a date that is given its time needs no clock', () => {
  reopen = closeDoors();
  const { isoOne } = { isoOne: new Date(1).toISOString() };
  reopen();
  expect(isoOne).toBe('1970-01-01T00:00:00.001Z');
});
