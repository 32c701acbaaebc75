import { InvariantError, KvError } from '@tinykv/base';
import {
  type Client,
  EntryTooLargeError,
  RegionUnavailableError,
  UndeterminedError,
  WriteConflictError,
} from '@tinykv/client';
import { expect, test } from 'vitest';
import { clientKv } from './client-kv.js';

const key = Uint8Array.of(1);

/** A client whose every call fails the same way. */
function failing(error: Error): Client {
  const fail = (): Promise<never> => Promise.reject(error);
  const txn = { startTs: 1n, state: 'open', get: fail, batchGet: fail, scan: fail, commit: fail };
  const client = {
    txn: { begin: async () => txn, snapshotGet: fail, snapshotVersions: fail, timestamp: fail },
  };
  return client as unknown as Client;
}

test.each([
  ['conflict', new WriteConflictError(key, 1n, 2n)],
  ['undetermined', new UndeterminedError('no answer')],
  ['too-large', new EntryTooLargeError(9_000_000)],
  ['too-large', new KvError('INVALID_ARGUMENT', 'a key of 5000 bytes')],
  ['unavailable', new RegionUnavailableError(2 as never, 'no leader')],
  ['unavailable', new KvError('RESOURCE_EXHAUSTED', 'queue is full')],
])('%s', async (failure, error) => {
  const kv = clientKv(failing(error));
  const txn = await kv.begin();
  const calls = [
    kv.readLatest(key),
    kv.timestamp(),
    kv.readVersions([key], 1n),
    txn.get(key),
    txn.batchGet([key]),
  ];
  for (const call of [...calls, txn.scan(key, key, 1), txn.commit()]) {
    await expect(call).rejects.toMatchObject({ name: 'GatewayKvError', failure, cause: error });
  }
});

test('a broken invariant is not a failure of the store', async () => {
  const kv = clientKv(failing(new InvariantError('bug')));
  await expect(kv.readLatest(key)).rejects.toBeInstanceOf(InvariantError);
});
