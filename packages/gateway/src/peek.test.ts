import { fromUtf8, keyString, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { databasePrefix, metaKey, objectId } from './model/keys.js';
import { encodeMeta } from './model/meta-codec.js';
import { peekKey } from './peek.js';

function store(): {
  records: Map<string, Uint8Array>;
  read: (k: Uint8Array) => Promise<Uint8Array | undefined>;
} {
  const records = new Map<string, Uint8Array>();
  return { records, read: async (key) => records.get(keyString(key)) };
}

const at = { instance: 1, db: 0 };
const key = utf8('hello');
const where = keyString(metaKey(databasePrefix(1, 0, 0), key));

describe('a Redis key seen from outside', () => {
  it('is the string that the gateway wrote', async () => {
    const { records, read } = store();
    records.set(where, encodeMeta({ type: 'string', body: utf8('world') }));
    const peeked = await peekKey(read, 1_000, at, key);
    expect(peeked.type === 'string' && fromUtf8(peeked.value)).toBe('world');
    expect(await peekKey(read, 1_000, { instance: 2, db: 0 }, key)).toEqual({ type: 'none' });
    expect(await peekKey(read, 1_000, { instance: 1, db: 1 }, key)).toEqual({ type: 'none' });
  });

  it('is gone once its time is over', async () => {
    const { records, read } = store();
    records.set(where, encodeMeta({ type: 'string', body: utf8('world'), expireAtMs: 2_000n }));
    expect((await peekKey(read, 1_999, at, key)).type).toBe('string');
    expect((await peekKey(read, 2_000, at, key)).type).toBe('none');
  });

  it('says so when the value lies elsewhere', async () => {
    const { records, read } = store();
    const id = objectId(5n, 0);
    records.set(where, encodeMeta({ type: 'hash', id, body: new Uint8Array(0) }));
    expect(await peekKey(read, 1_000, at, key)).toEqual({ type: 'large', of: 'hash' });
  });
});
