import { describe, expect, it } from 'vitest';
import { Inflight } from './inflight.js';

const name = (text: string): { name: string } => ({ name: text });

describe('what is in flight', () => {
  it('is taken once, in any order', () => {
    const inflight = new Inflight<{ name: string }>(4);
    for (let round = 0; round < 100; round++) {
      const [a, b, c] = ['a', 'b', 'c'].map((text) => inflight.add(name(text)));
      expect(new Set([a, b, c]).size).toBe(3);
      expect(inflight.size).toBe(3);
      expect(inflight.take(b!)).toEqual(name('b'));
      expect(inflight.take(b!), 'again').toBeUndefined();
      expect(inflight.take(c!)).toEqual(name('c'));
      expect(inflight.take(a!)).toEqual(name('a'));
      expect(inflight.size).toBe(0);
    }
    for (const id of [-1, 0, 1, 4, 5, 1e9]) expect(inflight.take(id)).toBeUndefined();
  });

  it('keeps the id of what is given up until its late answer has come', () => {
    const inflight = new Inflight<{ name: string }>(3);
    const [early, late] = [inflight.add(name('early')), inflight.add(name('late'))];
    expect(inflight.abandonWhere((value) => value.name === 'late')).toEqual([name('late')]);
    expect(inflight).toMatchObject({ size: 2, awaited: 1 });
    expect(inflight.take(early)).toEqual(name('early'));
    const next = [inflight.add(name('x')), inflight.add(name('y'))];
    expect(next).not.toContain(late);
    expect(() => inflight.add(name('z'))).toThrow('more than 3 in flight');
    expect(inflight.take(late), 'nobody waits for it').toBeUndefined();
    expect(inflight).toMatchObject({ size: 2, awaited: 2 });
    expect(inflight.add(name('z'))).toBe(late);
    expect(inflight.take(late)).toEqual(name('z'));
  });

  it('is gone with its stream', () => {
    const inflight = new Inflight<{ name: string }>(3);
    const [a] = [inflight.add(name('a')), inflight.add(name('b')), inflight.add(name('c'))];
    inflight.take(a!);
    inflight.abandonWhere((value) => value.name === 'b');
    expect(inflight.clear()).toEqual([name('c')]);
    expect(inflight).toMatchObject({ size: 0, awaited: 0 });
  });
});
