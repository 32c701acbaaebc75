import { describeBytes, KvError, physicalMs } from '@tinykv/base';
import type { Client } from '@tinykv/client';
import { peekKey } from '@tinykv/gateway';

/** Where a key is looked for: as it is, by the raw API, or as a Redis key of the gateway. */
export type KeySpace = 'txn' | 'raw' | 'redis';

/** The tenant and database that redis-cli speaks to unless told otherwise. */
const REDIS_DEFAULT = { instance: 1, db: 0 };

/** The newest committed value of a key, read by the TypeScript client. */
export function readKey(
  client: Client,
  key: Uint8Array,
  space: KeySpace,
): Promise<Uint8Array | undefined> {
  switch (space) {
    case 'raw':
      return client.raw.get(key);
    case 'txn':
      return client.txn.getNewest(key);
    case 'redis':
      return readRedis(client, key);
  }
}

async function readRedis(client: Client, key: Uint8Array): Promise<Uint8Array | undefined> {
  const nowMs = physicalMs(await client.txn.timestamp());
  const read = (at: Uint8Array): Promise<Uint8Array | undefined> => client.txn.getNewest(at);
  const peeked = await peekKey(read, nowMs, REDIS_DEFAULT, key);
  if (peeked.type === 'large') {
    throw new KvError('UNIMPLEMENTED', `a ${peeked.of} that lies in several records`);
  }
  return peeked.type === 'string' ? peeked.value : undefined;
}

/** A value for the terminal: text as it is, other bytes escaped. */
export function describeValue(value: Uint8Array): string {
  return describeBytes(value, value.length);
}
