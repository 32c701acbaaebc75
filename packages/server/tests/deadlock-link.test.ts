import { type Awaitable, KvError, utf8 } from '@tinykv/base';
import { fakeEnv, ManualClock } from '@tinykv/base/testing';
import type { Router } from '@tinykv/client';
import type { WaitForEdge } from '@tinykv/model';
import { beforeEach, expect, it } from 'vitest';
import { DeadlockLink } from '../src/store/deadlock-link.js';
import { WAIT_TTL_MS } from '../src/store/deadlock-service.js';

interface Told {
  readonly waits: readonly WaitForEdge[];
  readonly ended: readonly WaitForEdge[];
}
interface Answer {
  readonly deadlocks: readonly { wait: WaitForEdge; waitChain: readonly WaitForEdge[] }[];
}

const NOTHING: Answer = { deadlocks: [] };

let clock: ManualClock;
let link: DeadlockLink;
/** What the detector was told, request by request. */
let told: Told[];
let answer: (request: Told) => Awaitable<Answer>;

beforeEach(() => {
  clock = new ManualClock();
  told = [];
  answer = () => NOTHING;
  const router = {
    begin: () => undefined,
    send: async (_key: Uint8Array, _rpc: unknown, make: (context: unknown) => Told) => {
      const { waits, ended } = make({});
      told.push({ waits, ended });
      return await answer({ waits, ended });
    },
  };
  link = new DeadlockLink(fakeEnv({ clock }), router as unknown as Router);
});

function wait(txn: bigint, waitForTxn: bigint): WaitForEdge {
  return { txn, waitForTxn, key: utf8('k') };
}

const neverDead = (): void => expect.unreachable('no deadlock');

it('tells of a wait at once, and of its end', async () => {
  const unwatch = link.watch(wait(2n, 1n), neverDead);
  await clock.settle();
  expect(told).toEqual([{ waits: [wait(2n, 1n)], ended: [] }]);
  unwatch();
  await clock.settle();
  expect(told.slice(1)).toEqual([{ waits: [], ended: [wait(2n, 1n)] }]);
  unwatch();
  await clock.run(10 * WAIT_TTL_MS);
  expect(told, 'nobody waits any more').toHaveLength(2);
});

it('gathers what happens while a request is under way: no end overtakes its beginning', async () => {
  const answers: ((answer: Answer) => void)[] = [];
  answer = () => new Promise((resolve) => answers.push(resolve));
  const ends = [2n, 3n, 4n].map((txn) => link.watch(wait(txn, 1n), neverDead));
  await clock.settle();
  const [first] = told;
  for (const end of ends) end();
  link.watch(wait(5n, 1n), neverDead);
  await clock.settle();
  expect(told, 'one request at a time').toEqual([first]);
  answers[0]!(NOTHING);
  await clock.settle();
  expect(told[1]!.waits).toEqual([wait(5n, 1n)]);
  // What was never told of needs no end.
  expect(told[1]!.ended).toEqual(first!.waits);
});

it('hands the cycle to the wait that closed it, which is then over', async () => {
  const waitChain = [wait(1n, 2n), wait(2n, 1n)];
  const cycles: unknown[] = [];
  answer = ({ waits }) => ({
    deadlocks: waits.filter(({ txn }) => txn === 2n).map((w) => ({ wait: w, waitChain })),
  });
  link.watch(wait(1n, 3n), neverDead);
  const unwatch = link.watch(wait(2n, 1n), (cycle) => cycles.push(cycle));
  await clock.settle();
  expect(cycles).toEqual([waitChain]);
  unwatch();
  await clock.settle();
  expect(told.flatMap(({ ended }) => ended)).toEqual([]);
});

it('tells again of what still waits: a request was lost, or the detector is another one', async () => {
  answer = () => Promise.reject(new KvError('UNAVAILABLE', 'no detector'));
  link.watch(wait(2n, 1n), neverDead);
  await clock.settle();
  answer = () => NOTHING;
  await clock.run(WAIT_TTL_MS);
  const again = told.slice(1);
  expect(again.length).toBeGreaterThanOrEqual(3);
  for (const request of again) expect(request).toEqual({ waits: [wait(2n, 1n)], ended: [] });
});
