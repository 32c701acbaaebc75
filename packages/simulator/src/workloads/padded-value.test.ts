import { describe, expect, it } from 'vitest';
import { padded, unpadded } from './padded-value.js';

describe('padded values', () => {
  it('come back as they were, on both sides of a limit', () => {
    for (const bytes of [0, 10, 1_023, 1_024, 1_025]) {
      expect(unpadded(padded('v7', bytes))).toBe('v7');
    }
    expect(padded('v7', 1_024)).toHaveLength(1_024);
  });

  it('show that they were cut, or that something was added', () => {
    expect(unpadded(padded('v7', 1_024).slice(0, 1_023))).not.toBe('v7');
    expect(unpadded(new Uint8Array([...padded('v7', 20), 46]))).not.toBe('v7');
  });
});
