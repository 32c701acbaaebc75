import { utf8 } from '@tinykv/base';
import { locationKey } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import { showRange } from './show-key.js';

const at = (key: string): Uint8Array => locationKey('txn', utf8(key));

describe('the range of a Region', () => {
  it('is shown by user keys, never by memcomparable bytes', () => {
    const range = { start: at('user:1000'), end: at('user:2000') };
    expect(showRange('txn', range)).toBe('[user:1000, user:2000)');
    const raw = { start: utf8('a'), end: utf8('b') };
    expect(showRange('raw', raw)).toBe('[a, b)');
  });

  it('is shortened, and whole in hexadecimal', () => {
    const range = { start: new Uint8Array(0), end: at('k'.repeat(100)) };
    expect(showRange('txn', range)).toBe(`[-∞, ${'k'.repeat(40)}… (100 bytes))`);
    expect(showRange('txn', range, true)).toBe(`[-∞, ${'6b'.repeat(100)})`);
  });

  it('says so where a bound is no encoding', () => {
    const range = { start: utf8('plain'), end: new Uint8Array(0) };
    expect(showRange('txn', range)).toBe('[plain (not encoded), ∞)');
  });
});
