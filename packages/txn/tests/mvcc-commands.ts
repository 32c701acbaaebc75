import { fromUtf8, maxTimestamp, TS_MAX, utf8 } from '@tinykv/base';
import {
  decodeHistoryWrite,
  decodeLock,
  decodeNewest,
  family,
  type KeyError,
  type LockInfo,
  parseHistoryKey,
  parseRecordKey,
  valueKey,
} from '@tinykv/model';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Mutation } from '../src/index.js';
import { type FakeStore, key, OLD, pairs, STRICT, served } from './fake-store.js';
import type { Mode, NaiveMutation, NaiveMvcc } from './naive-mvcc.js';

// Few keys and few timestamps, so that transactions meet, replay each other and share timestamps.
const name = fc.constantFrom('a', 'b', 'c', 'd');
const names = fc.array(name, { maxLength: 4 });
// Eight milliseconds with few logical values each: time to live counts in milliseconds.
const ts = fc
  .tuple(fc.nat(7), fc.integer({ min: 1, max: 3 }))
  .map(([ms, n]) => (BigInt(ms) << 18n) + BigInt(n));
const startTs = fc.nat(7).map((ms) => (BigInt(ms) << 18n) + 1n);
const readTs = fc.oneof(
  { weight: 5, arbitrary: ts },
  { weight: 1, arbitrary: fc.constant(TS_MAX) },
);
const LONG = 'long'.repeat(300);
const mutation: fc.Arbitrary<NaiveMutation> = fc.record({
  kind: fc.constantFrom('put', 'put', 'delete', 'lock'),
  key: name,
  value: fc.constantFrom('', 'x', 'y', LONG),
  isLocked: fc.constantFrom(false, false, false, true),
});

export type Command =
  | {
      type: 'prewrite';
      mutations: NaiveMutation[];
      primary: string;
      startTs: bigint;
      ttlMs: number;
      mode: Mode;
    }
  | { type: 'secondaries'; keys: string[]; startTs: bigint }
  | { type: 'commit'; keys: string[]; startTs: bigint; commitTs: bigint; strict: boolean }
  | { type: 'rollback'; keys: string[]; startTs: bigint }
  | {
      type: 'lock';
      keys: string[];
      primary: string;
      startTs: bigint;
      forUpdateTs: bigint;
      ttlMs: number;
    }
  | { type: 'unlock'; keys: string[]; startTs: bigint; forUpdateTs: bigint }
  | {
      type: 'check';
      primary: string;
      startTs: bigint;
      currentTs: bigint;
      forPessimistic: boolean;
    }
  | { type: 'resolve'; startTs: bigint; commitTs: bigint }
  | { type: 'get'; key: string; ts: bigint; strict: boolean }
  | {
      type: 'scan';
      from: string;
      to: string;
      ts: bigint;
      limit: number;
      reverse: boolean;
      strict: boolean;
    }
  | { type: 'history'; key: string }
  | { type: 'locks'; from: string; to: string; maxTs: bigint; limit: number };

const type = <T extends string>(t: T): fc.Arbitrary<T> => fc.constant(t);
const strict = fc.boolean();
export const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: type('prewrite'),
      mutations: fc.array(mutation, { maxLength: 4 }),
      primary: name,
      startTs,
      ttlMs: fc.nat(3),
      mode: fc.constantFrom<Mode[]>('plain', 'plain', 'one-phase', 'async'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: type('secondaries'), keys: names, startTs }) },
  {
    weight: 5,
    arbitrary: fc.record({ type: type('commit'), keys: names, startTs, commitTs: ts, strict }),
  },
  { weight: 2, arbitrary: fc.record({ type: type('rollback'), keys: names, startTs }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: type('check'),
      primary: name,
      startTs,
      currentTs: ts,
      forPessimistic: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: type('lock'),
      keys: names,
      primary: name,
      startTs,
      forUpdateTs: ts,
      ttlMs: fc.nat(3),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: type('unlock'), keys: names, startTs, forUpdateTs: ts }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: type('resolve'),
      startTs,
      commitTs: fc.oneof(ts, fc.constant(0n)),
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: type('get'), key: name, ts: readTs, strict }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: type('scan'),
      from: fc.constantFrom('', 'b', 'c'),
      to: fc.constantFrom('c', 'e'),
      ts: readTs,
      limit: fc.nat(4),
      reverse: fc.boolean(),
      strict,
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: type('history'), key: name }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: type('locks'),
      from: fc.constantFrom('', 'b', 'c'),
      to: fc.constantFrom('c', ''),
      maxTs: readTs,
      limit: fc.nat(4),
    }),
  },
);

const SECONDS = [
  ...(['commit', 'commit', 'commit', 'commit', 'check'] as const),
  ...(['secondaries', 'rollback', 'get', 'locks'] as const),
];

/** Most random commands find nothing to work on; these two belong to one transaction. */
export const pair = fc
  .record({
    start: fc.nat(6),
    key: name,
    mutation,
    ms: fc.nat(3),
    mode: fc.constantFrom<Mode[]>('plain', 'plain', 'plain', 'async', 'one-phase'),
    second: fc.constantFrom(...SECONDS),
  })
  .map(({ start, key: k, mutation: m, ms, mode, second }): Command[] => {
    const began = (BigInt(start) << 18n) + 1n;
    const later = began + (BigInt(ms) << 18n) + 1n;
    return [
      {
        type: 'prewrite',
        mutations: [{ ...m, key: k }],
        primary: k,
        startTs: began,
        ttlMs: 2,
        mode,
      },
      secondOf(second, k, began, later),
    ];
  });

/** A key that is locked before it is written. */
export const lockedFirst = fc
  .record({ start: fc.nat(6), key: name, mutation, seen: ts, commits: fc.boolean() })
  .map(({ start, key: k, mutation: m, seen, commits }): Command[] => {
    const startTs = (BigInt(start) << 18n) + 1n;
    const forUpdateTs = maxTimestamp(startTs, seen);
    const written = { ...m, key: k, isLocked: true };
    const lock = { type: 'lock', primary: k, startTs, forUpdateTs, ttlMs: 2 } as const;
    if (!commits) {
      const currentTs = (BigInt(start + 3) << 18n) + 1n;
      return [
        { ...lock, keys: [k] },
        { type: 'check', primary: k, startTs, currentTs, forPessimistic: true },
      ];
    }
    return [
      { ...lock, keys: [k] },
      { type: 'prewrite', mutations: [written], primary: k, startTs, ttlMs: 2, mode: 'plain' },
      { type: 'commit', keys: [k], startTs, commitTs: forUpdateTs + 1n, strict: true },
    ];
  });

function secondOf(
  second: (typeof SECONDS)[number],
  k: string,
  startTs: bigint,
  later: bigint,
): Command {
  switch (second) {
    case 'commit':
      return { type: 'commit', keys: [k], startTs, commitTs: later, strict: true };
    case 'check':
      return { type: 'check', primary: k, startTs, currentTs: later, forPessimistic: false };
    case 'get':
      return { type: 'get', key: k, ts: later, strict: true };
    case 'locks':
      return { type: 'locks', from: '', to: '', maxTs: later, limit: 0 };
    default:
      return { type: second, keys: [k], startTs };
  }
}

const mutationOf = ({ kind, key: k, value, isLocked }: NaiveMutation): Mutation =>
  kind === 'put'
    ? { kind, key: key(k), value: utf8(value), isLocked }
    : { kind, key: key(k), isLocked };
const typeOf = (error: KeyError | undefined): string => error?.type ?? 'ok';

function describeError(error: KeyError): string {
  if (error.type === 'locked') return `locked ${fromUtf8(error.lock.key)} ${error.lock.startTs}`;
  if (error.type === 'conflict') return `conflict ${fromUtf8(error.key)} ${error.conflictTs}`;
  return error.type;
}

function describeLock({ key: at, kind, primary, startTs, ttlMs }: LockInfo): string {
  return `lock ${fromUtf8(at)} ${kind} of ${fromUtf8(primary)} ${startTs} ${ttlMs}`;
}

export async function real(store: FakeStore, c: Command): Promise<unknown> {
  const { txn } = store;
  switch (c.type) {
    case 'prewrite': {
      const request = {
        ...c,
        mutations: c.mutations.map(mutationOf),
        primary: key(c.primary),
        tryOnePc: c.mode === 'one-phase',
        asyncCommit: c.mode === 'async' ? { secondaries: [] } : undefined,
      };
      const answer = await served(txn.writes.prewrite(OLD, request));
      if (answer.errors.length > 0) return answer.errors.map(describeError);
      if (answer.onePcCommitTs !== undefined) return [`committed ${answer.onePcCommitTs}`];
      return answer.minCommitTs ? [`from ${answer.minCommitTs}`] : [];
    }
    case 'secondaries': {
      const request = { startTs: c.startTs, keys: c.keys.map(key) };
      const { locks, commitTs } = await served(txn.writes.checkSecondaryLocks(STRICT, request));
      if (commitTs > 0n) return `committed ${commitTs}`;
      return locks.length < new Set(c.keys).size ? 'rolled back' : `locks ${locks.length}`;
    }
    case 'commit':
      return typeOf(
        await served(txn.writes.commit(c.strict ? STRICT : OLD, { ...c, keys: c.keys.map(key) })),
      );
    case 'rollback':
      return typeOf(await served(txn.writes.batchRollback(OLD, { ...c, keys: c.keys.map(key) })));
    case 'lock': {
      const named = { ...c, keys: c.keys.map(key), primary: key(c.primary) };
      const how = { minCommitTs: 0n, waitMs: 0, returnValues: true, pipelined: false };
      const { error, values } = await served(txn.locks.lock(OLD, { ...named, ...how }));
      if (error !== undefined) return describeError(error);
      return `ok ${values.map(({ value }) => (value ? fromUtf8(value) : '-')).join()}`;
    }
    case 'unlock':
      await served(txn.locks.rollback(OLD, { ...c, keys: c.keys.map(key) }));
      return 'ok';
    case 'check': {
      const status = await served(
        txn.writes.checkTxnStatus(OLD, {
          ...c,
          primary: key(c.primary),
          resolvingPessimisticLock: c.forPessimistic,
        }),
      );
      if (status.lockTtlMs > 0) return `alive ${status.lockTtlMs}`;
      if (status.commitTs > 0n) return `committed ${status.commitTs}`;
      return status.action === 'none' ? 'rolled back' : status.action;
    }
    case 'resolve':
      return typeOf(await served(txn.writes.resolveLock(OLD, c)));
    case 'get': {
      const answer = await served(txn.reads.get(c.strict ? STRICT : OLD, key(c.key), c.ts));
      if (answer.type === 'key-error') return answer.error.type;
      return answer.type === 'value' ? `=${fromUtf8(answer.value)}` : 'none';
    }
    case 'scan': {
      const request = { ...c, startKey: key(c.from), endKey: key(c.to), keyOnly: false };
      const found = await pairs(txn.reads.scan(c.strict ? STRICT : OLD, request));
      return found.map((p) =>
        p.type === 'value' ? `${fromUtf8(p.key)}=${fromUtf8(p.value)}` : `${fromUtf8(p.key)}locked`,
      );
    }
    case 'history': {
      const found = await served(txn.inspect.keyHistory(OLD, key(c.key)));
      if (typeof found === 'string') return found;
      const versions = found.versions.map(
        (v) => `${v.kind} ${v.startTs} ${v.commitTs} ${fromUtf8(v.value)}`,
      );
      return found.lock ? [describeLock(found.lock), ...versions] : versions;
    }
    case 'locks': {
      const { from, to, ...request } = c;
      const range = { startKey: key(from), endKey: key(to) };
      const locks = await served(txn.inspect.scanLocks(OLD, { ...request, ...range }));
      return locks.map(describeLock);
    }
  }
}

export function expected(naive: NaiveMvcc, c: Command): unknown {
  switch (c.type) {
    case 'prewrite':
      return naive.prewrite(c.mutations, c.primary, c.startTs, c.ttlMs, c.mode);
    case 'secondaries':
      return naive.secondaries(c.keys, c.startTs);
    case 'commit':
      return naive.commit(c.keys, c.startTs, c.commitTs, c.strict);
    case 'rollback':
      return naive.rollback(c.keys, c.startTs);
    case 'check':
      return naive.check(c.primary, c.startTs, c.currentTs, c.forPessimistic);
    case 'lock':
      return naive.lock(c.keys, c.primary, c.startTs, c.forUpdateTs, c.ttlMs);
    case 'unlock':
      return naive.unlock(c.keys, c.startTs, c.forUpdateTs);
    case 'resolve':
      return naive.resolve(c.startTs, c.commitTs);
    case 'get':
      return naive.get(c.key, c.ts, c.strict);
    case 'scan':
      return naive.scan([c.from, c.to], c.ts, c.limit, c.reverse, c.strict);
    case 'history':
      return naive.history(c.key);
    case 'locks':
      return naive.locks([c.from, c.to], c.maxTs, c.limit);
  }
}

/** The records on disk say what the naive lists say, nothing more, and lie where the layout wants them. */
export function checkRecords(store: FakeStore, naive: NaiveMvcc): void {
  const found = new Map<string, string[]>();
  const note = (k: Uint8Array, text: string): void => {
    const name = fromUtf8(k);
    found.set(name, [...(found.get(name) ?? []), text]);
  };
  const { engine } = store;
  let longValues = 0;
  let expectedLong = 0;
  const expectLong = (k: Uint8Array, startTs: bigint, kind: string, short: unknown): void => {
    if (kind !== 'put' || short !== undefined) return;
    expectedLong += 1;
    expect(engine.get(valueKey(k, startTs))).toBeDefined();
  };
  for (const [name, bytes] of engine.data) {
    const at = Uint8Array.from(name, (c) => c.charCodeAt(0));
    if (at[0] === family.lock) {
      const k = parseRecordKey(at);
      const lock = decodeLock(at, bytes);
      note(k, `lock ${lock.kind} ${lock.startTs}`);
      expectLong(k, lock.startTs, lock.kind, lock.shortValue);
    } else if (at[0] === family.newest) {
      const k = parseRecordKey(at);
      const { write, otherTs } = decodeNewest(at, bytes);
      const versions = naive.at(fromUtf8(k)).versions;
      const others = [
        ...naive.at(fromUtf8(k)).rollbacks,
        ...versions.filter((v) => v.kind === 'lock').map((v) => v.commitTs),
      ];
      expect(otherTs).toBe(others.reduce(maxTimestamp, 0n));
      if (write === undefined) continue;
      const highest = versions.filter((v) => v.kind !== 'lock').map((v) => v.commitTs);
      expect(write.commitTs).toBe(highest.reduce(maxTimestamp));
      note(k, `${write.kind} ${write.startTs} ${write.commitTs}`);
      expectLong(k, write.startTs, write.kind, write.shortValue);
    } else if (at[0] === family.history) {
      const { userKey, ts: when, tag } = parseHistoryKey(at);
      if (tag === 'r') {
        note(userKey, `rollback ${when}`);
        continue;
      }
      const write = decodeHistoryWrite(at, bytes);
      expect(write.commitTs).toBe(when);
      note(userKey, `${write.kind} ${write.startTs} ${write.commitTs}`);
      expectLong(userKey, write.startTs, write.kind, write.shortValue);
    } else {
      expect(at[0]).toBe(family.value);
      longValues += 1;
    }
  }
  expect(longValues).toBe(expectedLong);
  for (const [k, at] of naive.keys) {
    const lines = [
      ...(at.lock ? [`lock ${at.lock.kind} ${at.lock.startTs}`] : []),
      ...at.versions.map((v) => `${v.kind} ${v.startTs} ${v.commitTs}`),
      ...[...at.rollbacks].map((when) => `rollback ${when}`),
    ];
    expect((found.get(k) ?? []).sort()).toEqual(lines.sort());
  }
}
