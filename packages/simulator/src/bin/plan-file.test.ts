import { describe, expect, it } from 'vitest';
import { drawPlan } from '../run/plan.js';
import { parsePlan, readPlan } from './plan-file.js';

describe('plan files', () => {
  it('bring back the plan', () => {
    const plan = drawPlan({ seed: 5, profile: 'dense', workload: 'churn' });
    expect(parsePlan(JSON.stringify(plan))).toEqual(plan);
  });

  it('are refused when they hold something else', () => {
    for (const text of ['null', '{}', '[]', '{"seed":1}']) {
      expect(() => parsePlan(text), text).toThrow('not a plan');
    }
    expect(() => parsePlan('{')).toThrow(SyntaxError);
    expect(() => readPlan('/no/such/file')).toThrow(/cannot use \/no\/such\/file/);
  });
});
