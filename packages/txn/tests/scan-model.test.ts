import type { IteratorRange, KvIterator, KvReader, Timestamp } from '@tinykv/base';
import { EMPTY_BYTES, TS_MAX } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import {
  encodeHistoryWrite,
  encodeLock,
  encodeNewest,
  encodeRollback,
  historyKey,
  type KeyRange,
  type LockRecord,
  locationKey,
  lockKey,
  newestKey,
  sealValue,
  valueKey,
  type WriteRecord,
} from '@tinykv/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findVisibleInHistory, readKey, readValue } from '../src/mvcc/key-view.js';
import { PairList, type ScanPair } from '../src/mvcc/pair-sink.js';
import { type ReadPoint, visibleAt } from '../src/mvcc/read.js';
import { type ScanOptions, scan } from '../src/mvcc/scan.js';
import { key } from './fake-store.js';
import { MemoryEngine } from './memory-engine.js';

/** Around the limits of one group of the key encoding, and prefixes of each other. */
const NAMES = ['', 'a', 'aa', 'abcdefg', 'abcdefgh', 'abcdefghi', 'b', 'b\0', 'c'];
const TS_END = 12;

const ts = fc.nat(TS_END).map((n) => BigInt(n + 1));
const write: fc.Arbitrary<WriteRecord> = fc
  .record({
    kind: fc.constantFrom('put' as const, 'put' as const, 'delete' as const),
    commitTs: ts,
    value: fc.option(fc.uint8Array({ maxLength: 6 }), { nil: undefined }),
  })
  .map(({ kind, commitTs, value }) => ({
    kind,
    startTs: commitTs,
    commitTs,
    shortValue: kind === 'put' ? value : undefined,
  }));
const lock: fc.Arbitrary<LockRecord> = fc.record({
  kind: fc.constantFrom('put' as const, 'delete' as const, 'lock' as const, 'pessimistic' as const),
  primary: fc.constantFrom(...NAMES).map(key),
  startTs: ts,
  ttlMs: fc.constant(5),
  forUpdateTs: fc.constant(0n),
  minCommitTs: ts,
  secondaries: fc.constantFrom(undefined, []),
  shortValue: fc.constant(undefined),
});
const stored = fc.record({
  name: fc.constantFrom(...NAMES),
  lock: fc.option(lock, { nil: undefined, freq: 2 }),
  newest: fc.option(write, { nil: undefined, freq: 5 }),
  otherTs: ts,
  older: fc.array(write, { maxLength: 4 }),
  rollbacks: fc.array(ts, { maxLength: 3 }),
});
type Stored = typeof stored extends fc.Arbitrary<infer T> ? T : never;
const keys = fc.uniqueArray(stored, { selector: ({ name }) => name, maxLength: NAMES.length });

const point: fc.Arbitrary<ReadPoint> = fc.record({
  ts: fc.oneof({ weight: 6, arbitrary: ts }, { weight: 1, arbitrary: fc.constant(TS_MAX) }),
  strict: fc.boolean(),
  isolation: fc.constantFrom(undefined, 'snapshot' as const, 'read-committed' as const),
  resolvedLocks: fc.option(
    fc.array(ts, { maxLength: 4 }).map((starts) => new Set<Timestamp>(starts)),
    { nil: undefined },
  ),
});
const request = fc.record({
  limit: fc.oneof(fc.nat(4), fc.constant(100)),
  reverse: fc.boolean(),
  keyOnly: fc.boolean(),
  valueBytesMax: fc.nat(5),
});

async function fill(engine: MemoryEngine, all: readonly Stored[]): Promise<void> {
  const batch = engine.batch();
  const putLong = (k: Uint8Array, { kind, startTs, shortValue }: WriteRecord): void => {
    if (kind !== 'put' || shortValue !== undefined) return;
    const at = valueKey(k, startTs);
    batch.put(at, sealValue(at, key(`long ${startTs}`)));
  };
  for (const one of all) {
    const k = key(one.name);
    if (one.lock !== undefined) batch.put(lockKey(k), encodeLock(lockKey(k), one.lock));
    const at = newestKey(k);
    const { newest, otherTs } = one;
    batch.put(at, encodeNewest(at, { write: newest, otherTs }));
    if (newest !== undefined) putLong(k, newest);
    for (const each of one.older) {
      if (newest === undefined || each.commitTs >= newest.commitTs) continue;
      const historyAt = historyKey(k, each.commitTs, 'w');
      batch.put(historyAt, encodeHistoryWrite(historyAt, each));
      putLong(k, each);
    }
    for (const rolledBack of one.rollbacks) {
      const historyAt = historyKey(k, rolledBack, 'r');
      batch.put(historyAt, encodeRollback(historyAt));
    }
  }
  await engine.write(batch, { sync: false });
}

/** An engine whose pages end after so many records, wherever that is: within two records of one key too. */
function paged(engine: KvReader, pageRecords: number): KvReader {
  return {
    get: (at) => engine.get(at),
    iterator: (range: IteratorRange): KvIterator => {
      const inner = engine.iterator(range);
      return {
        next: (limit) => inner.next(Math.min(limit, pageRecords)),
        close: () => inner.close(),
      };
    },
  };
}

/** Key by key, by point reads. */
async function byPointReads(
  engine: KvReader,
  all: readonly Stored[],
  at: ReadPoint,
  options: Pick<ScanOptions, 'limit' | 'reverse' | 'keyOnly' | 'valueBytesMax'>,
): Promise<ScanPair[]> {
  const found: ScanPair[] = [];
  const sorted = all.map(({ name }) => name).sort();
  for (const name of options.reverse ? sorted.reverse() : sorted) {
    if (found.length === options.limit) break;
    const k = key(name);
    const visible = visibleAt(readKey(engine, k), at);
    if (visible.type === 'locked') {
      found.push({ type: 'key-error', key: k, error: visible.error });
      continue;
    }
    const seen =
      visible.type === 'in-history'
        ? await findVisibleInHistory(engine, k, at.ts)
        : visible.type === 'version'
          ? visible.write
          : undefined;
    if (seen?.kind !== 'put') continue;
    const whole = options.keyOnly ? EMPTY_BYTES : readValue(engine, k, seen);
    const most = options.valueBytesMax === 0 ? whole.length : options.valueBytesMax;
    found.push({ type: 'value', key: k, value: Uint8Array.from(whole.subarray(0, most)) });
  }
  return found;
}

const EVERYTHING: KeyRange = { start: EMPTY_BYTES, end: EMPTY_BYTES };
const noTurn = (): Promise<void> => Promise.resolve();

describe('a scan', () => {
  it('is as many point reads in key order, wherever the engine ends its pages', async () => {
    await fc.assert(
      fc.asyncProperty(
        keys,
        point,
        request,
        fc.integer({ min: 1, max: 4 }),
        async (all, at, q, size) => {
          const engine = new MemoryEngine();
          await fill(engine, all);
          const list = new PairList();
          const options = {
            ...q,
            range: EVERYTHING,
            answerBytesMax: 0,
            groups: undefined,
            turn: noTurn,
          };
          const end = await scan(paged(engine, size), 'txn', at, options, list);
          expect(list.pairs).toEqual(await byPointReads(engine, all, at, q));
          expect(end).toBe('done');
        },
      ),
      runs(400),
    );
  });

  it('that ends at its bytes goes on behind its last pair, in both directions', async () => {
    await fc.assert(
      fc.asyncProperty(
        keys,
        point,
        fc.boolean(),
        fc.integer({ min: 1, max: 200 }),
        async (all, at, reverse, bytes) => {
          const engine = new MemoryEngine();
          await fill(engine, all);
          const shape = { limit: 100, reverse, keyOnly: false, valueBytesMax: 0 };
          const pairs: ScanPair[] = [];
          let range = EVERYTHING;
          for (let rounds = 0; ; rounds++) {
            expect(rounds).toBeLessThan(NAMES.length + 1);
            const list = new PairList();
            const options = {
              ...shape,
              range,
              answerBytesMax: bytes,
              groups: undefined,
              turn: noTurn,
            };
            const end = await scan(engine, 'txn', at, options, list);
            pairs.push(...list.pairs);
            if (end === 'done') break;
            const last = locationKey('txn', list.pairs.at(-1)!.key);
            const behind = Uint8Array.from([...last, 0]);
            range = reverse ? { ...range, end: last } : { ...range, start: behind };
          }
          expect(pairs).toEqual(await byPointReads(engine, all, at, shape));
        },
      ),
      runs(200),
    );
  });

  it('does not answer from a record whose checksum does not match', async () => {
    const engine = new MemoryEngine();
    const one = { lock: undefined, otherTs: 1n, older: [], rollbacks: [] };
    const newest = { kind: 'put' as const, startTs: 1n, commitTs: 2n, shortValue: key('value') };
    await fill(engine, [{ ...one, name: 'k', newest }]);
    const at = newestKey(key('k'));
    const sealed = Uint8Array.from(engine.get(at)!);
    sealed[sealed.length - 6]! ^= 1;
    const batch = engine.batch();
    batch.put(at, sealed);
    await engine.write(batch, { sync: false });
    const sizes = { limit: 9, valueBytesMax: 0, answerBytesMax: 0 };
    const shape = { ...sizes, reverse: false, groups: undefined };
    for (const keyOnly of [false, true]) {
      const options = { ...shape, keyOnly, range: EVERYTHING, turn: noTurn };
      const read = scan(engine, 'txn', { ts: 5n, strict: true }, options, new PairList());
      await expect(read).rejects.toMatchObject({
        code: 'DATA_LOSS',
        message: expect.stringMatching(/newest record of key/),
      });
    }
  });
});
