import { limits } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { fakeStore, key, OLD } from './fake-store.js';
import { put, Session } from './session.js';

const KEYS = 1_024;

/** A caller that is gone once it has been asked so often whether it still waits. */
function impatient(asks: number): { asked: number; readonly isGone: boolean } {
  return {
    asked: 0,
    get isGone() {
      this.asked += 1;
      return this.asked > asks;
    },
  };
}

async function filled(): Promise<Session> {
  const session = new Session(fakeStore());
  const name = (i: number): string => `k${String(i).padStart(5, '0')}`;
  const names = Array.from({ length: KEYS }, (_, i) => name(i));
  const mutations = names.map((each) => put(each, 'v'));
  const { clock } = session.store.env;
  expect(await clock.runUntil(session.prewrite(5n, mutations, names[0]))).toEqual([]);
  return session;
}

describe('reads of a client that is gone', () => {
  it('stop at the next page', async () => {
    const session = await filled();
    const { clock } = session.store.env;
    const names = Array.from({ length: KEYS }, (_, i) => key(`k${String(i).padStart(5, '0')}`));
    const { reads, inspect, writes } = session.store.txn;
    const range = { startKey: key('k'), endKey: key('l'), limit: KEYS };
    const scan = { ...range, ts: 4n, reverse: false, keyOnly: false };
    const cases: readonly ((context: typeof OLD) => Promise<unknown>)[] = [
      async (context) => reads.scan(context, scan),
      async (context) => reads.batchGet(context, names, 4n),
      async (context) => reads.versions(context, names, 4n),
      async (context) => inspect.scanLocks(context, { ...range, maxTs: 9n }),
      async (context) => writes.resolveLock(context, { startTs: 5n, commitTs: 0n }),
    ];
    for (const run of cases) {
      const caller = impatient(1);
      const gone = clock.runUntil(run({ ...OLD, caller }));
      await expect(gone).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(caller.asked).toBe(2);
    }
    // One page was resolved before the client went.
    const left = await clock.runUntil(inspect.scanLocks(OLD, { ...range, maxTs: 9n }));
    expect(left.ok && left.value).toHaveLength(KEYS - limits.scanPageKeys);
  });
});
