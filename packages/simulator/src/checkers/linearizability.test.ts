import { Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import type { Interval } from './history.js';
import { type Answer, checkLinearizable } from './linearizability.js';
import type { Model, State } from './model.js';
import { type RegisterOp, registerModel, type StringOp, stringModel } from './models.js';

const NEVER = Number.POSITIVE_INFINITY;

function op(
  kind: RegisterOp['kind'],
  value: string | undefined,
  call: number,
  ret: number,
  client = 0,
): RegisterOp {
  return { kind, value, call, ret, client };
}

const put = (value: string, call: number, ret: number): RegisterOp => op('put', value, call, ret);
const get = (value: string | undefined, call: number, ret: number): RegisterOp =>
  op('get', value, call, ret);
const remove = (call: number, ret: number): RegisterOp => op('delete', undefined, call, ret);

function judge<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
): Answer {
  return checkLinearizable(model, ops, { left: 1_000_000 });
}

/** Every order of every choice of unknown operations, tried one by one. */
function isLegalByForce<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
): boolean {
  const place = (state: S, left: readonly Op[]): boolean => {
    if (left.every(({ ret }) => ret === NEVER)) return true;
    return left.some((op) => {
      if (left.some((other) => other.ret < op.call)) return false;
      const next = model.step(state, op);
      if (next === undefined) return false;
      return place(
        next,
        left.filter((other) => other !== op),
      );
    });
  };
  return place(model.initial, ops);
}

const swap = (
  expected: string | undefined,
  value: string,
  call: number,
  ret: number,
): RegisterOp => ({
  ...op('swap', value, call, ret),
  expected,
});

describe('a register', () => {
  it('is swapped only where it has what is expected', () => {
    expect(judge(registerModel, [swap(undefined, 'a', 1, 2), swap('a', 'b', 3, 4)])).toBe(
      'linearizable',
    );
    expect(judge(registerModel, [put('a', 1, 2), swap('a', 'b', 3, 4), swap('a', 'c', 5, 6)])).toBe(
      'illegal',
    );
    // Another write came in between, whatever overlaps.
    expect(judge(registerModel, [put('a', 1, 2), put('x', 3, 4), swap('a', 'b', 5, 6)])).toBe(
      'illegal',
    );
  });

  it('may have been swapped by one that nobody knows of, once', () => {
    const maybe = swap('a', 'b', 3, NEVER);
    expect(judge(registerModel, [put('a', 1, 2), maybe, get('b', 4, 5)])).toBe('linearizable');
    expect(judge(registerModel, [put('a', 1, 2), maybe, get('a', 4, 5)])).toBe('linearizable');
    const back = [put('a', 1, 2), maybe, get('b', 4, 5), put('c', 6, 7), get('b', 8, 9)];
    expect(judge(registerModel, back)).toBe('illegal');
    // The put of `a` must stay, though nobody but the swap has read it.
    expect(judge(registerModel, [put('a', 1, NEVER), maybe, get('b', 4, 5)])).toBe('linearizable');
  });

  it('passes when reads see the last write', () => {
    const ops = [put('a', 1, 2), get('a', 3, 4), remove(5, 6), get(undefined, 7, 8)];
    expect(judge(registerModel, ops)).toBe('linearizable');
  });

  it('passes when a read overlaps a write, whichever it sees', () => {
    for (const seen of ['a', 'b']) {
      expect(judge(registerModel, [put('a', 1, 2), put('b', 3, 6), get(seen, 4, 5)])).toBe(
        'linearizable',
      );
    }
  });

  it('convicts a stale read', () => {
    expect(judge(registerModel, [put('a', 1, 2), put('b', 3, 4), get('a', 5, 6)])).toBe('illegal');
  });

  it('convicts a lost write', () => {
    expect(judge(registerModel, [put('a', 1, 2), get(undefined, 3, 4)])).toBe('illegal');
  });

  it('convicts a read of what nobody wrote', () => {
    expect(judge(registerModel, [put('a', 1, 2), get('b', 3, 4)])).toBe('illegal');
  });

  it('convicts a value that comes back after its deletion', () => {
    const ops = [put('a', 1, 2), remove(3, 4), get(undefined, 5, 6), get('a', 7, 8)];
    expect(judge(registerModel, ops)).toBe('illegal');
  });

  it('convicts two reads that disagree on the order of two writes', () => {
    const ops = [put('a', 1, 10), put('b', 2, 11), get('b', 3, 4), get('a', 5, 6), get('b', 7, 8)];
    expect(judge(registerModel, ops)).toBe('illegal');
  });

  it('takes equal times for concurrent', () => {
    expect(judge(registerModel, [put('a', 1, 2), get(undefined, 2, 3)])).toBe('linearizable');
  });

  it('lets a write of unknown result take effect late, or never, but not before its call', () => {
    const late = [put('a', 1, 2), put('b', 3, NEVER), get('a', 4, 5), get('b', 6, 7)];
    expect(judge(registerModel, late)).toBe('linearizable');
    expect(judge(registerModel, late.slice(0, 3))).toBe('linearizable');
    const early = [put('a', 1, 2), get('b', 3, 4), put('b', 5, NEVER)];
    expect(judge(registerModel, early)).toBe('illegal');
    expect(judge(registerModel, [...late, get('a', 8, 9)])).toBe('illegal');
  });

  it('is judged alike by trying every order', () => {
    const rng = new Prng('registers');
    const seen = { linearizable: 0, illegal: 0, 'gave up': 0 };
    for (let round = 0; round < 3_000; round++) {
      const ops = Array.from({ length: rng.int(2, 8) }, () => {
        const call = rng.int(0, 12);
        const kind = (['get', 'get', 'put', 'delete'] as const)[rng.int(0, 4)]!;
        const ret = kind !== 'get' && rng.float() < 0.2 ? NEVER : call + rng.int(1, 6);
        const value = kind === 'delete' || rng.float() < 0.1 ? undefined : 'ab'[rng.int(0, 2)];
        return op(kind, kind === 'put' ? (value ?? 'c') : value, call, ret);
      });
      const answer = judge(registerModel, ops);
      seen[answer]++;
      const truth = isLegalByForce(registerModel, ops) ? 'linearizable' : 'illegal';
      expect(answer, ops.map(registerModel.describe).join('\n')).toBe(truth);
    }
    expect(seen.linearizable).toBeGreaterThan(300);
    expect(seen.illegal).toBeGreaterThan(300);
    expect(seen['gave up']).toBe(0);
  });
});

describe('a string of Redis', () => {
  const run = (...commands: readonly Omit<StringOp, 'client' | 'call' | 'ret'>[]): StringOp[] =>
    commands.map((command, i) => ({ client: 0, call: 2 * i, ret: 2 * i + 1, ...command }));

  it('passes when each command has the reply that one client alone would get', () => {
    const ops = run(
      { kind: 'get', output: null },
      { kind: 'setnx', value: 'a', output: 1 },
      { kind: 'setnx', value: 'b', output: 0 },
      { kind: 'append', value: 'bc', output: 3 },
      { kind: 'strlen', output: 3 },
      { kind: 'getset', value: 'd', output: 'abc' },
      { kind: 'set', value: 'e', output: 'OK' },
      { kind: 'getdel', output: 'e' },
      { kind: 'getdel', output: null },
      { kind: 'strlen', output: 0 },
      { kind: 'append', value: 'f', output: 1 },
      { kind: 'del', output: 1 },
      { kind: 'del', output: 0 },
    );
    expect(judge(stringModel, ops)).toBe('linearizable');
  });

  const wrong: readonly (readonly [
    string,
    readonly Omit<StringOp, 'client' | 'call' | 'ret'>[],
  ])[] = [
    [
      'a get of a lost set',
      [
        { kind: 'set', value: 'a', output: 'OK' },
        { kind: 'get', output: null },
      ],
    ],
    [
      'a setnx that overwrites',
      [
        { kind: 'set', value: 'a', output: 'OK' },
        { kind: 'setnx', value: 'b', output: 1 },
      ],
    ],
    [
      'two setnx that both win',
      [
        { kind: 'setnx', value: 'a', output: 1 },
        { kind: 'setnx', value: 'b', output: 1 },
      ],
    ],
    [
      'an append that is applied twice',
      [
        { kind: 'append', value: 'a', output: 1 },
        { kind: 'get', output: 'aa' },
      ],
    ],
    [
      'an append to an old value',
      [
        { kind: 'set', value: 'ab', output: 'OK' },
        { kind: 'append', value: 'c', output: 1 },
      ],
    ],
    [
      'a getset that returns another value',
      [
        { kind: 'set', value: 'a', output: 'OK' },
        { kind: 'getset', value: 'b', output: null },
      ],
    ],
    [
      'a getdel that leaves the key',
      [
        { kind: 'set', value: 'a', output: 'OK' },
        { kind: 'getdel', output: 'a' },
        { kind: 'strlen', output: 1 },
      ],
    ],
    ['a del that counts what is not there', [{ kind: 'del', output: 1 }]],
  ];
  it.each(wrong)('convicts %s', (_, commands) => {
    expect(judge(stringModel, run(...commands))).toBe('illegal');
  });

  it('lets an append of unknown result happen once, not twice', () => {
    const append: StringOp = { client: 1, kind: 'append', value: 'a', call: 1, ret: NEVER };
    const read = (output: string, call: number): StringOp => {
      return { client: 0, kind: 'get', output, call, ret: call + 1 };
    };
    const never: StringOp = { client: 0, kind: 'strlen', output: 0, call: 2, ret: 3 };
    expect(judge(stringModel, [append, never])).toBe('linearizable');
    expect(judge(stringModel, [append, never, read('a', 4)])).toBe('linearizable');
    expect(judge(stringModel, [append, read('aa', 4)])).toBe('illegal');
  });

  it('is judged alike by trying every order', () => {
    const rng = new Prng('strings');
    const kinds = [
      'get',
      'set',
      'setnx',
      'append',
      'getset',
      'getdel',
      'strlen',
      'del',
      'flush',
    ] as const;
    const seen = { linearizable: 0, illegal: 0, 'gave up': 0 };
    for (let round = 0; round < 3_000; round++) {
      const ops = Array.from({ length: rng.int(2, 7) }, (): StringOp => {
        const call = rng.int(0, 10);
        const kind = kinds[rng.int(0, kinds.length)]!;
        const value = 'ab'[rng.int(0, 2)]!;
        const isUnknown = kind !== 'get' && kind !== 'strlen' && rng.float() < 0.2;
        const outputs: Record<StringOp['kind'], readonly (string | number | null)[]> = {
          get: [null, 'a', 'b', 'ab'],
          set: ['OK'],
          setnx: [0, 1],
          append: [1, 2],
          getset: [null, 'a', 'b'],
          getdel: [null, 'a', 'b'],
          strlen: [0, 1, 2],
          del: [0, 1],
          flush: ['OK'],
        };
        const output = outputs[kind][rng.int(0, outputs[kind].length)]!;
        const base = { client: 0, kind, value, call };
        if (isUnknown) return { ...base, ret: NEVER };
        return { ...base, ret: call + rng.int(1, 6), output };
      });
      const answer = judge(stringModel, ops);
      seen[answer]++;
      const truth = isLegalByForce(stringModel, ops) ? 'linearizable' : 'illegal';
      expect(answer, ops.map(stringModel.describe).join('\n')).toBe(truth);
    }
    expect(seen.linearizable).toBeGreaterThan(300);
    expect(seen.illegal).toBeGreaterThan(300);
  });
});

/** What clients of one atomic register see; a few of their writes have an unknown result. */
function simulate(rng: Prng, count: number, clients: number): RegisterOp[] {
  const ops: RegisterOp[] = [];
  const busy: ({ op: RegisterOp; point: number } | undefined)[] = Array.from({ length: clients });
  let value: string | undefined;
  let time = 0;
  while (ops.length < count) {
    const client = rng.int(0, clients);
    const running = busy[client];
    time++;
    if (running === undefined) {
      const kind = rng.float() < 0.5 ? 'get' : 'put';
      busy[client] = { op: op(kind, `v${time}`, time, NEVER, client), point: 0 };
    } else if (running.point === 0) {
      running.point = time;
      if (running.op.kind === 'put') value = running.op.value;
      else running.op = { ...running.op, value };
    } else {
      const isUnknown = running.op.kind === 'put' && rng.float() < 0.02;
      ops.push(isUnknown ? running.op : { ...running.op, ret: time });
      busy[client] = undefined;
    }
  }
  for (const running of busy) if (running?.op.kind === 'put') ops.push(running.op);
  return ops;
}

describe('the search', () => {
  it('gives up when its budget is spent, and does not pass', () => {
    const ops = Array.from({ length: 12 }, (_, i) => put(`v${i}`, i, 100 + i));
    const history = [...ops, get('v0', 200, 201), get('v1', 202, 203)];
    expect(checkLinearizable(registerModel, history, { left: 100 })).toBe('gave up');
    expect(judge(registerModel, history)).toBe('illegal');
  });

  it('judges 100,000 operations on 200 keys in a second or so', () => {
    const rng = new Prng('many');
    const histories = Array.from({ length: 200 }, () => simulate(rng, 500, 16));
    const budget = { left: 20_000_000 };
    for (const history of histories) {
      expect(checkLinearizable(registerModel, history, budget)).toBe('linearizable');
    }
    // Few steps an operation is what makes it quick; a clock in a test would tell of the machine.
    expect(20_000_000 - budget.left).toBeLessThan(2_000_000);
  });

  it('judges a key of 5,000 operations within the steps that a key may take', () => {
    const rng = new Prng('one key');
    for (const clients of [2, 8, 16]) {
      const history = simulate(rng, 5_000, clients);
      expect(checkLinearizable(registerModel, history, { left: 5_000_000 })).toBe('linearizable');
      const last = history.at(-1)!.call + 1_000_000;
      const lost = [...history, get('never written', last, last + 1)];
      expect(checkLinearizable(registerModel, lost, { left: 5_000_000 })).toBe('illegal');
    }
  });

  it('finds one stale read among thousands of operations', () => {
    const rng = new Prng('stale');
    for (let round = 0; round < 20; round++) {
      const history = simulate(rng, 1_000, 8);
      const stale = history[rng.int(0, 100)]!.value ?? 'v0';
      const last = history.at(-1)!.call + 1_000_000;
      expect(judge(registerModel, [...history, get(stale, last, last + 1)])).toBe('illegal');
    }
  });
});
