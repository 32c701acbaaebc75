import { utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { describeGatewayKey } from './describe-key.js';
import { databasePrefix, dataKey, epochKey, metaKey, objectId, ttlKey } from './keys.js';

const prefix = databasePrefix(1, 0, 3);

describe('a key of a gateway', () => {
  it('is shown by the Redis key in it', () => {
    expect(describeGatewayKey(metaKey(prefix, utf8('user:1')))).toBe('redis 0:user:1');
    expect(describeGatewayKey(metaKey(databasePrefix(7, 2, 0), utf8('x')))).toBe('redis 7/2:x');
    const ttl = ttlKey(prefix, 1_800_000_000_000n, utf8('user:1'));
    expect(describeGatewayKey(ttl)).toBe('redis 0 expiry of user:1');
  });

  it('is shown by its kind where it has no Redis key', () => {
    expect(describeGatewayKey(epochKey(1, 0))).toBe('redis epochs');
    const element = dataKey(prefix, objectId(5n, 0), 'c', utf8('0'));
    expect(describeGatewayKey(element)).toBe('redis 0 element');
  });

  it('is none when another program wrote it, whatever its length', () => {
    for (const text of ['', 'R', 'Rome', 'Rotterdam', 'Reykjavik city', 'user:1']) {
      expect(describeGatewayKey(utf8(text)), text).toBeUndefined();
    }
  });
});
