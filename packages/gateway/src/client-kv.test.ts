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
import type { GatewayKv } from './kv-port.js';

const key = Uint8Array.of(1);

/** A client whose every call fails the same way. */
function failing(error: Error): Client {
  const fail = (): Promise<never> => Promise.reject(error);
  const txn = { startTs: 1n, state: 'open', get: fail, batchGet: fail, scan: fail, commit: fail };
  const readNewest: Client['txn']['readNewest'] = (reads, _, reader) => {
    for (const read of reads) reader.onReadFailed(read, error);
  };
  const writeOneKeys: Client['txn']['writeOneKeys'] = (writes, _, writer) => {
    for (const write of writes) writer.onWriteFailed(write, error);
  };
  const client = {
    txn: {
      begin: async () => txn,
      snapshotVersions: fail,
      timestamp: fail,
      readNewest,
      writeOneKeys,
    },
  };
  return client as unknown as Client;
}

/** The outcome of one read among those without a promise. */
function readOne(kv: GatewayKv): Promise<unknown> {
  return new Promise((resolve, reject) => {
    kv.readNewest([{ key }], 1_000, {
      onRead: (_, value) => resolve(value),
      onReadFailed: (_, failure) => reject(failure as Error),
      onReadsTold: () => undefined,
    });
  });
}

function writeOne(kv: GatewayKv): Promise<unknown> {
  const condition = { type: 'version', version: 0n } as const;
  return new Promise((resolve, reject) => {
    kv.writeOneKeys([{ key, ts: 1n, condition, value: key, companions: [] }], 1_000, {
      onWritten: (_, written) => resolve(written),
      onWriteFailed: (_, failure) => reject(failure as Error),
    });
  });
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
    readOne(kv),
    writeOne(kv),
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
  await expect(readOne(kv)).rejects.toBeInstanceOf(InvariantError);
});
