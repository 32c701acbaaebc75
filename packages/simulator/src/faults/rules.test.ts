import { Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { drawPlan, workloadNames } from '../run/plan.js';
import { drawFaults } from './fault.js';
import { faultRules, ruleOf } from './rules.js';

describe('the table of faults', () => {
  it('has no name twice', () => {
    const names = faultRules.map(({ kind }) => kind);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has every fault of every plan', () => {
    for (const workload of workloadNames) {
      for (let seed = 1; seed <= 20; seed++) {
        for (const { kind } of drawPlan({ seed, profile: 'swarm', workload }).faults) {
          expect(ruleOf(kind).kind).toBe(kind);
        }
      }
    }
  });

  it('refuses a name that no rule has', () => {
    expect(() => ruleOf('crash-stores')).toThrow('no fault is called crash-stores');
  });

  it('is drawn from as a whole when no kind is switched off', () => {
    const drawn = drawFaults(new Prng('all'), 'dense', 0, 3_600_000);
    expect(new Set(drawn.map(({ kind }) => kind))).toEqual(
      new Set(faultRules.map(({ kind }) => kind)),
    );
  });
});
