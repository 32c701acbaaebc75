import { compareBytes, fromUtf8, keyString, limits, utf8 } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import { type KeyRange, rangeContains } from '@tinykv/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KvPair } from './range-scan.js';
import { type Mutation, type Savepoint, TxnBuffer } from './txn-buffer.js';
import { overlay } from './txn-view.js';

const key = fc.uint8Array({ minLength: 1, maxLength: 2, max: 4 });
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    key,
    value: fc.uint8Array({ minLength: 1, maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant('delete' as const), key }),
  fc.record({ kind: fc.constant('lock' as const), key }),
);
const pairs = fc.array(fc.record({ key, value: fc.uint8Array({ minLength: 1, maxLength: 1 }) }));
const range: fc.Arbitrary<KeyRange> = fc.record({
  start: fc.uint8Array({ maxLength: 2, max: 4 }),
  end: fc.uint8Array({ maxLength: 2, max: 4 }),
});

function inRange(all: Map<string, KvPair>, within: KeyRange, reverse: boolean): KvPair[] {
  const found = [...all.values()].filter((pair) => rangeContains(within, pair.key));
  found.sort((a, b) => compareBytes(a.key, b.key));
  return reverse ? found.reverse() : found;
}

const plain = (list: readonly KvPair[]): string[] =>
  list.map((pair) => `${[...pair.key]}=${[...pair.value]}`);

describe('TxnBuffer', () => {
  it('shows a page as a map would be after the same writes', () => {
    fc.assert(
      fc.property(
        pairs,
        fc.array(mutation),
        range,
        fc.boolean(),
        (stored, writes, covered, reverse) => {
          const model = new Map<string, KvPair>(stored.map((pair) => [keyString(pair.key), pair]));
          const page = { pairs: inRange(model, covered, reverse), covered };
          const buffer = new TxnBuffer();
          for (const write of writes) {
            buffer.set(write);
            if (write.kind === 'put') model.set(keyString(write.key), write);
            if (write.kind === 'delete') model.delete(keyString(write.key));
          }
          expect(
            plain(overlay(page, buffer.range(covered, reverse, 1_000).writes, reverse)),
          ).toEqual(plain(inRange(model, covered, reverse)));
        },
      ),
      runs(500),
    );
  });

  it('keeps one mutation for each key, in key order, and counts their bytes', () => {
    fc.assert(
      fc.property(fc.array(mutation), (writes) => {
        const buffer = new TxnBuffer();
        for (const [i, write] of writes.entries()) {
          buffer.set(write);
          // Sorting in between must not disturb what comes later.
          if (i % 3 === 0) buffer.sorted();
        }
        const sorted = buffer.sorted();
        const keys = sorted.map((m) => m.key);
        expect(keys).toEqual([...keys].sort(compareBytes));
        expect(new Set(keys.map(keyString)).size).toBe(buffer.size);
        const bytes = sorted.map((m) => m.key.length + (m.kind === 'put' ? m.value.length : 0));
        expect(buffer.bytes).toBe(bytes.reduce((sum, n) => sum + n, 0));
      }),
    );
  });

  it('a lock leaves a write as it is, a write replaces a lock', () => {
    const buffer = new TxnBuffer();
    buffer.set({ kind: 'put', key: utf8('a'), value: utf8('1') });
    buffer.set({ kind: 'lock', key: utf8('a') });
    buffer.set({ kind: 'lock', key: utf8('b') });
    buffer.set({ kind: 'delete', key: utf8('b') });
    expect(buffer.sorted().map((m) => `${m.kind} ${fromUtf8(m.key)}`)).toEqual([
      'put a',
      'delete b',
    ]);
  });

  type Step = Mutation | 'savepoint' | { readonly backTo: number };
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: mutation },
    { weight: 2, arbitrary: fc.constant('savepoint' as const) },
    { weight: 2, arbitrary: fc.record({ backTo: fc.nat(3) }) },
  );

  it('comes back to savepoints as if nothing had been written since', () => {
    let undone = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const buffer = new TxnBuffer();
        const told: { savepoint: Savepoint; mutations: Mutation[]; bytes: number }[] = [];
        for (const next of steps) {
          if (next === 'savepoint') {
            const mutations = buffer.sorted();
            told.push({ savepoint: buffer.savepoint(), mutations, bytes: buffer.bytes });
          } else if ('backTo' in next) {
            const target = told[next.backTo];
            if (target === undefined) continue;
            buffer.rollbackTo(target.savepoint);
            expect(buffer.sorted()).toEqual(target.mutations);
            expect([buffer.size, buffer.bytes]).toEqual([target.mutations.length, target.bytes]);
            for (const { savepoint } of told.splice(next.backTo + 1)) {
              expect(() => buffer.rollbackTo(savepoint)).toThrow(/no such savepoint/);
            }
            undone++;
          } else buffer.set(next);
        }
      }),
      runs(300),
    );
    expect(undone).toBeGreaterThan(100);
  });

  it('has a limit of savepoints and of what they keep', () => {
    const buffer = new TxnBuffer();
    const value = new Uint8Array(limits.txnBytesMax / 4);
    const put = (): void => buffer.set({ kind: 'put', key: utf8('k'), value });
    for (let i = 0; i < 3; i++) {
      put();
      buffer.savepoint();
    }
    expect(put).toThrow(/bytes/);
    for (let i = 3; i < limits.txnSavepointsMax; i++) buffer.savepoint();
    expect(() => buffer.savepoint()).toThrow(/savepoints/);
    expect(() => buffer.rollbackTo(new TxnBuffer().savepoint())).toThrow(/no such/);
  });
});
