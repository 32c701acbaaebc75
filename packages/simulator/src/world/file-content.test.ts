import { Prng, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { FileContent } from './file-content.js';

const fails = (): Promise<void> => Promise.reject(new Error('input/output error'));
const works = (): Promise<void> => Promise.resolve();

function textOf({ bytes }: FileContent): string {
  return Buffer.from(bytes).toString('latin1').replaceAll('\0', '.');
}

/** What many crashes leave of the same file. */
async function leftBy(write: (file: FileContent) => Promise<void>): Promise<Set<string>> {
  const left = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const file = new FileContent();
    await write(file);
    const rng = new Prng(seed);
    file.crash((['lost', 'kept', 'torn'] as const)[seed % 3]!, rng);
    left.add(textOf(file));
  }
  return left;
}

describe('a simulated file', () => {
  it('keeps what a sync covered, and any part of what was appended since', async () => {
    const left = await leftBy(async (file) => {
      file.write(0, utf8('synced'));
      await file.sync(works);
      file.write(6, utf8('ab'));
      file.write(8, utf8('cd'));
    });
    expect(left).toContain('synced');
    expect(left).toContain('syncedabcd');
    expect(left).toContain('synced..cd');
    // The file grew, and its data never came.
    expect([...left].some((text) => /^synced\.+$/.test(text))).toBe(true);
    for (const text of left) expect(text).toMatch(/^synced[.abcd]{0,4}$/);
  });

  it('has zeros where it was cut off and then grew again, with each way to grow', () => {
    const file = new FileContent();
    for (const at of [0, 3, 6]) file.write(at, utf8('abc'));
    expect(textOf(file)).toBe('abcabcabc');
    file.cut(2);
    file.write(4, utf8('x'));
    file.write(7, utf8('y'));
    expect(textOf(file)).toBe('ab..x..y');
    file.cut(12);
    file.write(13, utf8('z'));
    expect(textOf(file)).toBe('ab..x..y.....z');
  });

  it('may have again at a crash what was cut off and not synced', async () => {
    const left = await leftBy(async (file) => {
      file.write(0, utf8('frame|tail'));
      await file.sync(works);
      file.cut(6);
    });
    expect(left).toEqual(new Set(['frame|tail', 'frame|']));
  });

  it('loses at every crash what a failed sync held, unless it was written again', async () => {
    const doomed = async (file: FileContent): Promise<void> => {
      file.write(0, utf8('doomed'));
      await expect(file.sync(fails)).rejects.toThrow('input/output error');
      expect(textOf(file)).toBe('doomed');
    };
    const synced = await leftBy(async (file) => {
      await doomed(file);
      file.write(6, utf8('kept'));
      await file.sync(works);
    });
    expect(synced).toEqual(new Set(['......kept']));
    const again = await leftBy(async (file) => {
      await doomed(file);
      file.write(0, utf8('doomed'));
      await file.sync(works);
    });
    expect(again).toEqual(new Set(['doomed']));
  });

  it('is damaged for good by a flipped bit', async () => {
    const file = new FileContent(utf8('abc'), 3);
    file.flip(1, 1);
    file.crash('lost', new Prng(1));
    expect(textOf(file)).toBe('acc');
  });
});
