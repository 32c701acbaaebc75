import { type KvSnapshot, type Timestamp, utf8 } from '@tinykv/base';
import type { RegionAccess, RegionError, RegionView } from '@tinykv/model';
import {
  errorpb,
  type Init,
  keyErrorToWire,
  kvrpcpb,
  regionErrorToWire,
  tinykvpb,
} from '@tinykv/proto';
import { describe, expect, it } from 'vitest';
import { StandaloneStore } from './standalone-store.js';

const rpc = tinykvpb.TinyKv;
const key = utf8('k');
const SAFE_POINT = 1_000n;

/** The next step of a TinyKV client after a Region error; it knows none of our fields. */
function reactionTo(error: errorpb.ErrorInit): 'try elsewhere' | 'at once' | 'back off' {
  const known = errorpb.Error.decode(errorpb.Error.encode(error));
  if (known.notLeader !== undefined) return 'try elsewhere';
  if (known.storeNotMatch !== undefined || known.staleCommand !== undefined) return 'at once';
  return 'back off';
}

/** Whether a TinyKV client gives up, as it does at a key error that is no lock, conflict or retryable. */
const isFinal = (error: Init<kvrpcpb.KeyError> | undefined): boolean =>
  error !== undefined &&
  error.locked === undefined &&
  error.conflict === undefined &&
  !error.retryable &&
  !!error.abort;

/** Reads of this store are below the safe point, and proposals meet their fate. */
class RefusingStore extends StandaloneStore {
  constructor(refusal?: RegionError) {
    super();
    const access = this.access as { -readonly [K in keyof RegionAccess]: RegionAccess[K] };
    const { acquireRead } = access;
    access.acquireRead = async (...args) => {
      const view = await acquireRead.apply(access, args);
      return view.ok ? { ok: true, value: collected(view.value, SAFE_POINT) } : view;
    };
    if (refusal !== undefined) access.propose = async () => ({ ok: false, error: refusal });
  }
}

function collected(view: RegionView, safePoint: Timestamp): RegionView {
  const { region, term, reader } = view;
  const snapshot = (): KvSnapshot => view.snapshot();
  return { region, term, reader, safePoint, snapshot, confirm: () => view.confirm() };
}

describe('a read below the safe point', () => {
  it('ends every read of a TinyKV client: nothing will make it right', async () => {
    const store = new RefusingStore();
    const get = await store.call(rpc.kvGet, { key, version: 999n });
    expect(isFinal(get.error)).toBe(true);
    const scan = await store.call(rpc.kvScan, { limit: 256, version: 999n });
    expect(scan.regionError).toBeUndefined();
    expect(scan.pairs.map(({ error }) => isFinal(error))).toEqual([true]);
    expect(scan.pairs[0]!.error?.abort).toContain('below the safe point 1000');
  });

  it('is one error of the whole scan for a client of ours', async () => {
    const request = { limit: 256, version: 999n, context: { strict: true } };
    const scan = await new RefusingStore().call(rpc.kvScan, request);
    expect(scan.error?.belowSafePoint).toMatchObject({ ts: 999n, safePoint: SAFE_POINT });
    expect(scan.pairs).toEqual([]);
  });
});

describe('a write that no log entry can hold', () => {
  const refusal: RegionError = { type: 'raft-entry-too-large', regionId: 1, entryBytes: 9_000_000 };
  const mutations = [{ op: kvrpcpb.Op.Put, key, value: utf8('v') }];
  const prewrite = { mutations, primaryLock: key, startVersion: 2_000n };
  const text = /entry of 9000000 bytes is too large/;

  it('ends the request of a TinyKV client', async () => {
    const store = new RefusingStore(refusal);
    const { errors, regionError } = await store.call(rpc.kvPrewrite, prewrite);
    expect(regionError).toBeUndefined();
    expect(errors.map(isFinal)).toEqual([true]);
    expect(errors[0]!.abort).toMatch(text);
    const put = await store.call(rpc.rawPut, { key, value: utf8('v') });
    expect([put.regionError, put.error]).toEqual([undefined, expect.stringMatching(text)]);
    const rollback = await store.call(rpc.kvBatchRollback, { keys: [key], startVersion: 2_000n });
    expect(isFinal(rollback.error)).toBe(true);
  });

  it('is a Region error with its size for a client of ours', async () => {
    const store = new RefusingStore(refusal);
    const context = { strict: true };
    const answers = [
      await store.call(rpc.kvPrewrite, { ...prewrite, context }),
      await store.call(rpc.rawPut, { key, value: utf8('v'), context }),
    ];
    for (const { regionError } of answers) {
      expect(regionError?.raftEntryTooLarge?.entrySize).toBe(9_000_000);
    }
  });
});

describe('a store that cannot serve at present', () => {
  it.each([
    { type: 'server-is-busy', reason: 'too many commands wait for the region' },
    { type: 'server-is-busy', reason: 'the region is being merged' },
    { type: 'other', message: 'mismatch store id 2, this is store 1' },
  ] as const)('makes a TinyKV client back off: $type $reason', async (error) => {
    expect(reactionTo(regionErrorToWire(error))).toBe('back off');
    const store = new RefusingStore(error);
    const { regionError } = await store.call(rpc.rawPut, { key, value: utf8('v') });
    expect(reactionTo(regionError!)).toBe('back off');
    expect(regionError!.message).not.toBe('');
  });
});

it('no error of a key that is ours reads as success to a TinyKV client', () => {
  for (const error of [
    { type: 'below-safe-point', ts: 1n, safePoint: 2n },
    { type: 'lock-wait-timeout', key, lockTs: 1n },
    { type: 'primary-mismatch', key, primary: key, startTs: 1n },
    { type: 'deadlock', lockTs: 1n, key, waitChain: [] },
  ] as const) {
    expect(isFinal(keyErrorToWire(error)), error.type).toBe(true);
  }
});
