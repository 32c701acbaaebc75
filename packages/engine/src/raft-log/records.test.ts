import { KvError } from '@tinykv/base';
import { badBytes, bitFlips, outcomeOf, runs } from '@tinykv/base/testing/fuzz';
import type { Entry } from '@tinykv/raft';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GroupLog } from './group-log.js';
import {
  decodeState,
  encodeState,
  entryKey,
  openEntry,
  parseKey,
  sealEntry,
  stateKey,
} from './records.js';

const number = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));
const entry: fc.Arbitrary<Entry> = fc.record({
  term: number,
  index: number,
  type: fc.constantFrom('EntryNormal', 'EntryConfChange'),
  data: fc.uint8Array({ maxLength: 20 }),
});
const state: fc.Arbitrary<GroupLog> = fc
  .record({
    group: number,
    hardState: fc.record({ term: number, vote: number, commit: number }),
    truncated: fc.record({ index: number, term: number }),
    durableApplied: number,
  })
  .map((log) => ({ ...log, lastIndex: log.truncated.index, termRuns: [] }));

describe('records of the log', () => {
  it('come back as they were, under keys that say whose they are', () => {
    fc.assert(
      fc.property(number, entry, state, (group, e, log) => {
        const [key, value] = sealEntry(group, e);
        expect(openEntry(group, e.index, key, value)).toMatchObject({ ...e });
        expect(parseKey(key)).toEqual({ kind: 'entry', group, index: e.index });
        const [at, stored] = encodeState(log);
        expect(decodeState(log.group, at, stored)).toEqual(log);
        expect(parseKey(at)).toEqual({ kind: 'state', group: log.group });
      }),
      runs(200),
    );
  });

  it('sort by group, the state first, then by index', () => {
    fc.assert(
      fc.property(number, number, number, number, (g, h, i, j) => {
        const order = Math.sign(g - h) || Math.sign(i - j);
        expect(Buffer.compare(entryKey(g, i), entryKey(h, j))).toBe(order);
        expect(Buffer.compare(stateKey(g), entryKey(h, j))).toBe(Math.sign(g - h) || -1);
      }),
    );
  });

  it('are refused as lost data with any one bit flipped, of their bytes or their key', () => {
    fc.assert(
      fc.property(number, entry, state, (group, e, log) => {
        const [key, value] = sealEntry(group, e);
        const [at, stored] = encodeState(log);
        const tries: (() => unknown)[] = [
          ...[...bitFlips(value)].map((bad) => () => openEntry(group, e.index, key, bad)),
          ...[...bitFlips(key)].map((bad) => () => openEntry(group, e.index, bad, value)),
          ...[...bitFlips(stored)].map((bad) => () => decodeState(log.group, at, bad)),
          ...[...bitFlips(at)].map((bad) => () => decodeState(log.group, bad, stored)),
        ];
        for (const attempt of tries) expect(outcomeOf(attempt, KvError).type).toBe('refused');
      }),
      runs(5),
    );
  });

  it('of bad bytes are refused as lost data', () => {
    const good = fc.oneof(
      entry.map((e) => sealEntry(1, e)[1]),
      state.map((log) => encodeState(log)[1]),
    );
    let refused = 0;
    fc.assert(
      fc.property(badBytes(good), (bad) => {
        const asEntry = outcomeOf(() => openEntry(1, 2, entryKey(1, 2), bad), KvError);
        const asState = outcomeOf(() => decodeState(1, stateKey(1), bad), KvError);
        if (asEntry.type === 'refused' && asState.type === 'refused') refused++;
      }),
      runs(200),
    );
    expect(refused).toBeGreaterThan(0);
  });
});
