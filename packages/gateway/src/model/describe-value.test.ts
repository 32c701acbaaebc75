import { utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { describeGatewayValue as describeValue } from './describe-value.js';
import { databasePrefix, metaKey, objectId, ttlKey } from './keys.js';
import { encodeMeta } from './meta-codec.js';

const key = metaKey(databasePrefix(1, 0, 3), utf8('user:1'));

const describeGatewayValue = (at: Uint8Array, record: Uint8Array, max: number) =>
  describeValue(at, record, max, (ms) => `the time ${ms}`);

describe('a value of a gateway', () => {
  it('is shown by its type, size and expiry, without the bytes of its header', () => {
    const plain = encodeMeta({ type: 'string', body: utf8('world') });
    expect(describeGatewayValue(key, plain, 64)).toBe('string of 5 bytes: world');
    const passing = encodeMeta({
      type: 'string',
      body: utf8('world'),
      expireAtMs: 1_800_000_000_000n,
    });
    expect(describeGatewayValue(key, passing, 3)).toBe(
      'string of 5 bytes, until the time 1800000000000: wor… (5 bytes)',
    );
  });

  it('is shown without a value where that lies elsewhere', () => {
    const id = objectId(5n, 0);
    const long = encodeMeta({ type: 'string', id, body: Uint8Array.of(0xac, 0x02) });
    expect(describeGatewayValue(key, long, 64)).toBe('string of 300 bytes');
    const hash = encodeMeta({ type: 'hash', id, body: new Uint8Array(0) });
    expect(describeGatewayValue(key, hash, 64)).toBe('hash');
  });

  it('is told from what another program wrote under its key', () => {
    expect(describeGatewayValue(key, utf8('mine'), 64)).toBe("not a gateway's record: mine");
  });

  it('is none where the key is not that of a value', () => {
    const record = encodeMeta({ type: 'string', body: utf8('world') });
    for (const other of [utf8('user:1'), ttlKey(databasePrefix(1, 0, 3), 5n, utf8('user:1'))]) {
      expect(describeGatewayValue(other, record, 64)).toBeUndefined();
    }
  });
});
