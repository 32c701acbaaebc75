import { isDeepStrictEqual } from 'node:util';
import { EMPTY_BYTES, type Result, TS_MAX } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import type { KeyError } from '@tinykv/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Collected, CollectRequest } from '../src/index.js';
import { type FakeStore, fakeStore, STRICT, served } from './fake-store.js';
import { type Command, command, expected, pair, real } from './mvcc-commands.js';
import { NaiveMvcc } from './naive-mvcc.js';

const script = fc
  .array(
    fc.oneof({ weight: 1, arbitrary: command.map((c) => [c]) }, { weight: 2, arbitrary: pair }),
    {
      maxLength: 40,
      size: 'max',
    },
  )
  .map((parts) => parts.flat());
const safePointOf = fc
  .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 3 }))
  .map(([ms, n]) => (BigInt(ms) << 18n) + BigInt(n));

/** What may still come once the safe point is known everywhere and the locks below it are gone. */
function isLegal(c: Command, safePoint: bigint): boolean {
  switch (c.type) {
    case 'prewrite':
    case 'rollback':
    case 'check':
    case 'unlock':
    case 'secondaries':
      return c.startTs >= safePoint;
    case 'lock':
      return c.startTs >= safePoint && c.forUpdateTs >= safePoint;
    case 'commit':
    case 'resolve': {
      const isRollback = c.type === 'resolve' && c.commitTs === 0n;
      return c.startTs >= safePoint && (isRollback || c.commitTs > safePoint);
    }
    case 'get':
    case 'scan':
      return c.ts >= safePoint;
    case 'locks':
      return true;
    case 'history':
      return false;
  }
}

async function both(store: FakeStore, naive: NaiveMvcc, c: Command): Promise<void> {
  const wanted = expected(naive, c);
  const actual = await real(store, c);
  if (!isDeepStrictEqual(actual, wanted)) expect(actual, JSON.stringify(c, text)).toEqual(wanted);
}

function text(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** Ends what began before the safe point, as the resolution of locks does. */
async function resolveAll(store: FakeStore, naive: NaiveMvcc, safePoint: bigint): Promise<void> {
  const starts = [...naive.keys.values()].flatMap(({ lock }) => (lock ? [lock.startTs] : []));
  for (const startTs of new Set(starts)) {
    if (startTs >= safePoint) continue;
    await both(store, naive, { type: 'resolve', startTs, commitTs: 0n });
  }
}

async function collectAll(store: FakeStore, safePoint: bigint): Promise<void> {
  let startKey: Uint8Array | undefined = EMPTY_BYTES;
  while (startKey !== undefined) {
    const request: CollectRequest = { safePoint, startKey };
    const answer: Result<Collected, KeyError> = await served(store.txn.gc.collect(STRICT, request));
    if (!answer.ok) throw new Error(JSON.stringify(answer.error));
    startKey = answer.value.nextKey;
  }
}

function* allReads(): Generator<Command & { readonly ts: bigint }> {
  for (let ms = 0n; ms <= 8n; ms++) {
    for (const n of [0n, 1n, 2n]) {
      const ts = (ms << 18n) + n;
      yield { type: 'scan', from: '', to: 'e', limit: 9, reverse: n === 2n, ts, strict: true };
      for (const key of ['a', 'b', 'c', 'd']) yield { type: 'get', key, ts, strict: n === 1n };
    }
  }
  yield { type: 'scan', from: '', to: 'e', limit: 9, reverse: false, ts: TS_MAX, strict: true };
}

it('after the collection all is answered as if nothing were gone, at and above the safe point', async () => {
  let collected = 0;
  let gone = 0;
  let after = 0;
  await fc.assert(
    fc.asyncProperty(script, safePointOf, script, async (before, safePoint, later) => {
      const store = fakeStore();
      const naive = new NaiveMvcc();
      for (const c of before) await both(store, naive, c);
      await resolveAll(store, naive, safePoint);
      const records = store.engine.data.size;
      await collectAll(store, safePoint);
      collected += records - store.engine.data.size;
      for (const c of allReads()) {
        if (c.ts >= safePoint) await both(store, naive, c);
        else if (store.access.safePoint > 0n && c.type === 'get') {
          expect(await real(store, c)).toBe('below-safe-point');
        }
      }
      if (records > 0 && store.engine.data.size === 0) gone += 1;
      for (const c of later.filter((each) => isLegal(each, safePoint))) {
        await both(store, naive, c);
        after += 1;
      }
      for (const c of allReads()) if (c.ts >= safePoint) await both(store, naive, c);
      // A second round finds nothing that the first one has left, unless more has come.
      if (later.length === 0) {
        const left = store.engine.data.size;
        await collectAll(store, safePoint);
        expect(store.engine.data.size).toBe(left);
      }
      expect(store.engine.openSnapshots).toBe(0);
    }),
    runs(80),
  );
  expect(collected).toBeGreaterThan(200);
  expect(gone).toBeGreaterThan(0);
  expect(after).toBeGreaterThan(200);
});
