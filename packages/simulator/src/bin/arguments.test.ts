import { describe, expect, it } from 'vitest';
import {
  checkOptions,
  parseCount,
  parseMutants,
  parseNumber,
  type SimOptions,
} from './arguments.js';

const defaults: SimOptions = { from: 1, profile: 'swarm', jobs: 2, shrinkRuns: 400 };

describe('arguments', () => {
  it('takes whole numbers that JavaScript holds exactly', () => {
    expect(parseNumber('0')).toBe(0);
    expect(parseNumber('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
    for (const text of ['', '-1', '1.5', '1e3', '0x10', ' 1', '9007199254740992']) {
      expect(() => parseNumber(text), text).toThrow('whole number');
    }
  });

  it('takes counts above zero', () => {
    expect(parseCount('7')).toBe(7);
    expect(() => parseCount('0')).toThrow('above zero');
  });

  it('says which mutants there are when one is not known', () => {
    expect(parseMutants('')).toEqual([]);
    expect(() => parseMutants('no-such-one')).toThrow(/No such mutant: no-such-one\. There are /);
  });

  it('wants exactly one of a seed, a number of seeds and a plan', () => {
    expect(() => checkOptions(defaults)).toThrow('say --seed, --seeds or --plan');
    expect(() => checkOptions({ ...defaults, seed: 1, plan: 'x.json' })).toThrow(
      '--seed and --plan exclude each other',
    );
    expect(() => checkOptions({ ...defaults, seed: 0 })).not.toThrow();
    expect(() => checkOptions({ ...defaults, seeds: 5 })).not.toThrow();
    expect(() => checkOptions({ ...defaults, plan: 'x.json' })).not.toThrow();
  });

  it('stops at an event of one run only, and does not shrink what was stopped', () => {
    expect(() => checkOptions({ ...defaults, seeds: 5, until: 10 })).toThrow('--until');
    expect(() => checkOptions({ ...defaults, seed: 5, until: 10, shrink: true })).toThrow(
      '--until',
    );
    expect(() => checkOptions({ ...defaults, seed: 5, until: 10 })).not.toThrow();
  });
});
