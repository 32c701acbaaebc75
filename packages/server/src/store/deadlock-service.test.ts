import { limits, ok, utf8 } from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import type { RegionAccess, RegionView, WaitForEdge } from '@tinykv/model';
import { tinykvtxn } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { serveDeadlocks } from './deadlock-service.js';
import { UnaryTable } from './unary.js';

const { detectDeadlock } = tinykvtxn.Txn;

let env: FakeEnv;
let turns: number;
let isGone: boolean;
let tell: (waits: WaitForEdge[]) => Promise<tinykvtxn.DetectDeadlockResponse>;

beforeEach(() => {
  env = fakeEnv();
  turns = 0;
  isGone = false;
  const { clock } = env;
  const defer = clock.defer.bind(clock);
  clock.defer = (fn) => {
    turns += 1;
    defer(fn);
  };
  const table = new UnaryTable(env, 60_000);
  const view = { region: { id: 1 }, term: 1 } as RegionView;
  serveDeadlocks(table, env, { acquireRead: () => ok(view) } as unknown as RegionAccess);
  const handler = table.handlers.get(detectDeadlock.path)!;
  const peer = {
    address: 'client',
    get isGone() {
      return isGone;
    },
  };
  tell = async (waits) => {
    const request = detectDeadlock.request.encode({ waits });
    return detectDeadlock.response.decode(await handler(request, peer));
  };
});

const wait = (txn: number, waitForTxn: number): WaitForEdge => ({
  txn: BigInt(txn),
  waitForTxn: BigInt(waitForTxn),
  key: utf8('k'),
});

/** A chain that each wait has to be followed along, and a cycle at its end for each further wait. */
const chain = (length: number): WaitForEdge[] =>
  Array.from({ length }, (_, i) => wait(length - i + 1, length - i));
const closing = (length: number, count: number): WaitForEdge[] =>
  Array.from({ length: count }, (_, i) => wait(1, length - i));

describe('requests to the detector of deadlocks', () => {
  it('give turns away, and do a bounded amount of work', async () => {
    const { clock } = env;
    expect((await clock.runUntil(tell(chain(2_000)))).deadlocks).toEqual([]);
    const answer = await clock.runUntil(tell(closing(2_000, 1_000)));
    const { length } = answer.deadlocks;
    expect(length).toBeGreaterThan(10);
    const edges = answer.deadlocks.reduce((sum, { waitChain }) => sum + waitChain.length, 0);
    expect(edges).toBeLessThan(limits.deadlockRequestEdgesMax);
    expect(turns).toBeGreaterThan(3);
    expect(turns).toBeLessThan(20);
  });

  it('stop with their client', async () => {
    await env.clock.runUntil(tell(chain(2_000)));
    const told = tell(closing(2_000, 1_000));
    isGone = true;
    await expect(env.clock.runUntil(told)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(turns).toBe(1);
  });

  it('are refused with more waits, or longer keys, than a store sends', async () => {
    const many = tell(chain(limits.deadlockWaitsMax + 1));
    await expect(many).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const long = tell([{ ...wait(1, 2), key: new Uint8Array(limits.keyBytesMax + 1) }]);
    await expect(long).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
