import { describe, expect, it } from 'vitest';
import { KeptLog } from './kept-log.js';

const FOREVER = Number.POSITIVE_INFINITY;

describe('kept log', () => {
  it('keeps what follows a snapshot until its follower is level', () => {
    const kept = new KeptLog(1_000);
    const match = new Map([[2, 3]]);
    const bound = (level: number) => kept.bound(0, level, (id) => match.get(id));
    kept.keep(2, 10, 0);
    expect(bound(50)).toBe(10);
    match.set(2, 10);
    expect(bound(50)).toBe(10);
    match.set(2, 30);
    expect(bound(50)).toBe(30);
    match.set(2, 50);
    expect(bound(50)).toBe(FOREVER);
    match.set(2, 5);
    expect(bound(50)).toBe(FOREVER);
  });

  it('is bound by the follower that is farthest behind', () => {
    const kept = new KeptLog(1_000);
    kept.keep(2, 10, 0);
    kept.keep(3, 20, 0);
    expect(kept.bound(0, 50, () => 1)).toBe(10);
    kept.release(2);
    expect(kept.bound(0, 50, () => 1)).toBe(20);
  });

  it('ends with its time, with the follower, and with leadership', () => {
    const kept = new KeptLog(1_000);
    kept.keep(2, 10, 0);
    expect(kept.bound(999, 50, () => 1)).toBe(10);
    expect(kept.bound(1_000, 50, () => 1)).toBe(FOREVER);
    kept.keep(2, 10, 0);
    expect(kept.bound(0, 50, () => undefined)).toBe(FOREVER);
    kept.keep(2, 10, 0);
    kept.clear();
    expect(kept.bound(0, 50, () => 1)).toBe(FOREVER);
  });

  it('a follower is not level before it has the snapshot itself', () => {
    const kept = new KeptLog(1_000);
    kept.keep(2, 10, 0);
    expect(kept.bound(0, 5, () => 7)).toBe(10);
  });
});
