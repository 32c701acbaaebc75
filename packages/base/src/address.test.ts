import { describe, expect, it } from 'vitest';
import { isReachable, splitAddress } from './address.js';

describe('an address', () => {
  it('is a host and a port', () => {
    expect(splitAddress('store-1:20160')).toEqual({ host: 'store-1', port: 20_160 });
    expect(splitAddress('[::1]:1')).toEqual({ host: '::1', port: 1 });
    expect(splitAddress(':2379')).toEqual({ host: '', port: 2_379 });
  });

  it('is nothing else', () => {
    for (const text of ['', 'localhost', 'a:b', 'a:', '::1:5', 'a:65536', 'http://a:1', '[::1]']) {
      expect(splitAddress(text)).toBeUndefined();
    }
  });

  it('is one that others can reach only with a host and a port that are fixed', () => {
    for (const text of ['127.0.0.1:20160', 'tikv_1.example:65535', '[fe80::1]:7']) {
      expect(isReachable(text)).toBe(true);
    }
    for (const text of [
      ...['', 'localhost', ':20160', 'store:0', 'two words:1', 'a\n:1', 'a/b:1', 'user@a:1'],
      ...['[store]:1', '[fe80::1%eth0]:1', `${'a'.repeat(256)}:1`],
    ]) {
      expect(isReachable(text)).toBe(false);
    }
  });
});
