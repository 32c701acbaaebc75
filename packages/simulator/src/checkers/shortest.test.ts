import { describe, expect, it } from 'vitest';
import { type RegisterOp, registerModel, type StringOp, stringModel } from './models.js';
import { shortestIllegal } from './shortest.js';

const NEVER = Number.POSITIVE_INFINITY;

/** A long legal history of writes and reads, one after the other. */
function quiet(count: number): RegisterOp[] {
  return Array.from({ length: count }, (_, i) => ({
    client: i % 3,
    kind: i % 2 === 0 ? 'put' : 'get',
    value: `v${i - (i % 2)}`,
    call: 2 * i,
    ret: 2 * i + 1,
  }));
}

describe('the shortest history', () => {
  it('of a stale read is the read and the writes around it', () => {
    const read: RegisterOp = { client: 9, kind: 'get', value: 'v50', call: 500, ret: 501 };
    const shown = shortestIllegal(registerModel, [...quiet(200), read]);
    expect(shown.map(registerModel.describe)).toEqual([
      'client 2 [100, 101] put v50',
      'client 0 [396, 397] put v198',
      'client 1 [398, 399] get → v198',
      'client 9 [500, 501] get → v50',
    ]);
  });

  it('ends where the violation can first be seen', () => {
    const before = quiet(10);
    const lost: RegisterOp = { client: 9, kind: 'get', value: undefined, call: 20, ret: 21 };
    const after = quiet(50).map((op) => ({ ...op, call: op.call + 100, ret: op.ret + 100 }));
    const running: RegisterOp = { client: 8, kind: 'put', value: 'w', call: 19, ret: 90 };
    const shown = shortestIllegal(registerModel, [...before, running, lost, ...after]);
    expect(shown.at(-1)).toEqual(lost);
    expect(shown.length).toBeLessThanOrEqual(4);
  });

  it('never leaves a value without its writer', () => {
    const ops = [...quiet(60), { ...quiet(1)[0]!, kind: 'get' as const, call: 500, ret: 501 }];
    const shown = shortestIllegal(registerModel, ops);
    const written = new Set(shown.filter(({ kind }) => kind === 'put').map(({ value }) => value));
    const read = shown.filter(({ kind }) => kind === 'get');
    expect(read.length).toBeGreaterThan(0);
    for (const { value } of read) expect(written).toContain(value);
  });

  it('keeps a write of unknown result that somebody has read', () => {
    const ops: RegisterOp[] = [
      { client: 0, kind: 'put', value: 'a', call: 1, ret: NEVER },
      { client: 1, kind: 'get', value: 'a', call: 2, ret: 3 },
      { client: 1, kind: 'get', value: undefined, call: 4, ret: 5 },
    ];
    expect(shortestIllegal(registerModel, ops)).toEqual(ops);
  });

  it('of strings begins after the last operation that tells the state', () => {
    const ops = Array.from({ length: 40 }, (_, i): StringOp => {
      const interval = { client: 0, call: 2 * i, ret: 2 * i + 1 };
      const value = `s${i - (i % 4)}.`;
      const { length } = value;
      if (i % 4 === 0) return { ...interval, kind: 'set', value, output: 'OK' };
      if (i % 4 === 1) return { ...interval, kind: 'get', output: value };
      if (i % 4 === 2) return { ...interval, kind: 'append', value: 'c', output: length + 1 };
      return { ...interval, kind: 'strlen', output: i === 39 ? length : length + 1 };
    });
    const shown = shortestIllegal(stringModel, ops);
    expect(shown).toEqual([ops[36], ops[37], ops[38], ops[39]]);
  });
});
