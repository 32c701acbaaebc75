import { describe, expect, it } from 'vitest';
import { checkExpiry, type ExpiringRead, type Moment } from './expiry.js';

const SLACK_MS = 100;
/** The scheduler's time begins elsewhere. */
const AHEAD_MS = 1_000_000;

function at(worldMs: number, jumpMs = 0): Moment {
  return { schedulerMs: worldMs + AHEAD_MS + jumpMs, worldMs };
}

const key = { key: 'k', from: at(1_000), to: at(1_050), ttlMs: 500 };

function read(from: Moment, to: Moment, found: boolean): ExpiringRead {
  return { client: 0, call: 1, ret: 2, key: 'k', from, to, found };
}

function kinds(...reads: readonly ExpiringRead[]): string[] {
  return checkExpiry([key], reads, SLACK_MS).violations.map(({ message }) =>
    message.slice(0, message.indexOf(':')),
  );
}

describe('keys that expire', () => {
  it('are there before their time, and gone after it', () => {
    const reads = [read(at(1_100), at(1_300), true), read(at(1_710), at(1_720), false)];
    expect(kinds(...reads)).toEqual([]);
  });

  it('may be there or gone around their time', () => {
    for (const found of [true, false]) {
      expect(kinds(read(at(1_360), at(1_700), found))).toEqual([]);
    }
  });

  it('are not seen after it', () => {
    expect(kinds(read(at(1_710), at(1_720), true))).toEqual(['seen too late']);
  });

  it('may be seen for a while by those who do not know that the clock has jumped', () => {
    expect(kinds(read(at(1_400, 60_000), at(1_410, 60_000), true))).toEqual([]);
  });

  it('are not gone before it', () => {
    expect(kinds(read(at(1_100), at(1_300), false))).toEqual(['gone too early']);
  });

  it('may be gone early once the clock has jumped, or while nobody asks for timestamps', () => {
    expect(kinds(read(at(1_100, 60_000), at(1_300, 60_000), false))).toEqual([]);
    expect(kinds(read(at(1_800, -700), at(1_900, -800), false))).toEqual([]);
  });

  it('count for nothing when nobody knows whether they were put', () => {
    expect(checkExpiry([], [read(at(1_100), at(1_200), false)], SLACK_MS).violations).toEqual([]);
  });
});
