import { describe, expect, it } from 'vitest';
import { checkExpiry, type ExpiringRead } from './expiry.js';

const SLACK_MS = 100;
const key = { key: 'k', putFromMs: 1_000, putToMs: 1_050, putAt: 1_050, ttlMs: 500 };

function read(fromMs: number, toMs: number, found: boolean, readAt = 1_701): ExpiringRead {
  return { client: 0, call: 1, ret: 2, key: 'k', fromMs, toMs, readAt, found };
}

function kinds(...reads: readonly ExpiringRead[]): string[] {
  return checkExpiry([key], reads, SLACK_MS).violations.map(({ message }) =>
    message.slice(0, message.indexOf(':')),
  );
}

describe('keys that expire', () => {
  it('are there before their time, and gone after it', () => {
    expect(kinds(read(1_100, 1_399, true), read(1_651, 1_700, false))).toEqual([]);
  });

  it('may be there or gone around their time', () => {
    for (const found of [true, false]) expect(kinds(read(1_400, 1_650, found))).toEqual([]);
  });

  it('are not seen after it', () => {
    expect(kinds(read(1_651, 1_700, true))).toEqual(['seen too late']);
  });

  it('may be seen for a while by those who do not know that the clock has jumped', () => {
    expect(kinds(read(90_000, 90_001, true, 1_700))).toEqual([]);
  });

  it('are not gone before it', () => {
    expect(kinds(read(1_100, 1_399, false))).toEqual(['gone too early']);
  });

  it('count for nothing when nobody knows whether they were put', () => {
    expect(checkExpiry([], [read(1_100, 1_200, false)], SLACK_MS).violations).toEqual([]);
  });
});
