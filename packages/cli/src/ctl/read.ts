import { describeBytes, type Env } from '@tinykv/base';
import { Client } from '@tinykv/client';

/** The newest committed value of a key, by the transactional or the raw API. */
export async function readKey(
  env: Env,
  scheduler: string,
  key: Uint8Array,
  isRaw: boolean,
): Promise<Uint8Array | undefined> {
  const client = await Client.connect(env, { scheduler });
  try {
    return isRaw ? await client.raw.get(key) : await client.txn.snapshotGet(key);
  } finally {
    await client.close();
  }
}

/** A value for the terminal: text as it is, other bytes escaped. */
export function describeValue(value: Uint8Array): string {
  return describeBytes(value, value.length);
}
