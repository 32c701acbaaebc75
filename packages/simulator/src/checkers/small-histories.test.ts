import { describe, expect, it } from 'vitest';
import { type CounterHistory, checkCounter } from './counter.js';
import { checkLinearizable } from './linearizability.js';
import { checkListAppend } from './list-append.js';
import { type RegisterOp, registerModel } from './models.js';
import { checkRealTime } from './real-time.js';
import { checkScans } from './scans.js';
import { checkSnapshotReads, type RangeRead, type WriteRecord } from './snapshot-reads.js';
import { checkTso } from './tso.js';
import type { TxnOp, TxnRecord } from './txn-record.js';

/*
 * A small history of each anomaly, and the nearest one that is none. An operation begins with its times, `1-4`; `1-`
 * never returned. `!` before them: it failed. `~`: all at once, so that no time says anything.
 */

const NEVER = Number.POSITIVE_INFINITY;

interface Times {
  readonly call: number;
  readonly ret: number;
  readonly failed: boolean;
  readonly isTimeless: boolean;
  readonly words: readonly string[];
}

function parse(line: string): Times {
  const [first = '', ...words] = line.split(' ');
  const [call, ret] = first.replace(/^[!~]/, '').split('-');
  return {
    call: Number(call ?? 0),
    ret: ret === undefined || ret === '' ? NEVER : Number(ret),
    failed: first.startsWith('!'),
    isTimeless: first.startsWith('~'),
    words,
  };
}

/** `x+1` appends, `x=1,2` reads. */
function txnOp(word: string): TxnOp {
  const [, key = '', kind, values = ''] = /^(\w)([+=])(.*)$/.exec(word)!;
  if (kind === '+') return { kind: 'append', key, value: Number(values) };
  return { kind: 'read', key, values: values === '' ? [] : values.split(',').map(Number) };
}

function txn(line: string, node: number): TxnRecord {
  const { call, ret, failed, isTimeless, words } = parse(line);
  const ops = words.map(txnOp);
  if (isTimeless) {
    return { client: 0, call: 0, ret: 1_000, outcome: 'ok', ops, startTs: BigInt(node) };
  }
  const outcome = failed ? 'fail' : ret === NEVER ? 'unknown' : 'ok';
  const hasCommit = outcome === 'ok' && ops.some(({ kind }) => kind === 'append');
  const commit = hasCommit ? { commitTs: BigInt(ret * 10) } : {};
  return { client: 0, call, ret, outcome, ops, startTs: BigInt(call * 10), ...commit };
}

function txnKinds(lines: readonly string[]): string[] {
  return checkListAppend(lines.map(txn)).violations.map(({ message }) => message.split(':')[0]!);
}

describe.each<
  readonly [name: string, kind: string, bad: readonly string[], good: readonly string[]]
>([
  [
    'G0',
    'G0',
    ['~ x+1 y+1', '~ x+2 y+2', '~ x=1,2', '~ y=2,1'],
    ['~ x+1 y+1', '~ x=1 y=1 x+2 y+2', '~ x=1,2', '~ y=1,2'],
  ],
  ['G1a', 'G1a', ['!1- x+1', '2-3 x=1'], ['!1- x+1', '2-3 x=']],
  ['G1b', 'G1b', ['1-2 x+1 x+2', '3-4 x=1'], ['1-2 x+1 x+2', '3-4 x=1,2']],
  ['G1c', 'G1c', ['~ x+1 y=1', '~ y+1 x=1'], ['~ x+1 y=', '~ y+1 x=1']],
  ['G-single', 'G-single', ['~ x+1 y+1', '~ x=1 y='], ['~ x+1 y+1', '~ x=1 y=1']],
  ['lost update', 'lost update', ['~ x= x+1', '~ x= x+2'], ['~ x= x+1', '~ x=1 x+2']],
  [
    'long fork',
    'G-nonadjacent',
    ['~ x+1', '~ y+1', '~ x=1 y=', '~ x= y=1'],
    ['~ x+1', '~ y+1', '~ x=1 y=', '~ x=1 y=1'],
  ],
  ['a stale read', 'G-single-realtime', ['1-2 x+1', '3-4 x='], ['1-4 x+1', '2-3 x=']],
  [
    'a lost append',
    'G-single-realtime',
    ['1-2 x+1', '3-4 x=1', '5-6 x='],
    ['1-2 x+1', '3-4 x=1', '5-6 x=1'],
  ],
  ['a duplicate', 'duplicate', ['1-2 x+1', '3-4 x=1,1'], ['1-2 x+1', '3-4 x=1']],
  ['garbage', 'garbage', ['1-2 x=7'], ['1- x+7', '2-3 x=7']],
  [
    'two orders',
    'incompatible order',
    ['~ x+1', '~ x+2', '~ x=1,2', '~ x=2'],
    ['~ x+1', '~ x=1 x+2', '~ x=1,2', '~ x=1'],
  ],
  ['an append that its own transaction misses', 'internal', ['1-2 x+1 x='], ['1-2 x+1 x=1']],
  [
    'half of a transaction of unknown outcome',
    'G-single',
    ['1- x+1 y+1', '2-3 x=1 y='],
    ['1- x+1 y+1', '2-3 x=1 y=1'],
  ],
])('transactions: %s', (_name, kind, bad, good) => {
  it('is convicted', () => expect(txnKinds(bad)).toContain(kind));
  it('and the nearest history that is none is not', () => expect(txnKinds(good)).toEqual([]));
});

describe.each<readonly [name: string, serializable: boolean, history: readonly string[]]>([
  ['write skew (G2-item)', false, ['1-4 x= y= y+1', '2-3 y= x= x+1']],
  ['one after the other', true, ['1-2 x= y= y+1', '3-4 y=1 x= x+1']],
  ['a cycle of three (G2)', false, ['1-6 x= y+1', '2-5 y= z+1', '3-4 z= x+1']],
  ['the same with its last edge turned', true, ['1-2 x= y+1', '3-4 y=1 z+1', '5-6 z=1 x+1']],
])('transactions that lock what they read: %s', (_name, serializable, history) => {
  it('is judged right', () => {
    const locking = history.map((line, i) => ({ ...txn(line, i), locking: true }));
    expect(checkListAppend(locking).violations.length === 0).toBe(serializable);
  });

  it('and may be so under snapshots alone', () => expect(txnKinds(history)).toEqual([]));
});

/** `put a`, `get a`, `get` for nothing, `delete`. */
function registerOp(line: string): RegisterOp {
  const { call, ret, words } = parse(line);
  const [kind, value] = words;
  return { client: 0, call, ret, kind: kind as RegisterOp['kind'], value };
}

describe.each<readonly [name: string, bad: readonly string[], good: readonly string[]]>([
  [
    'a stale read',
    ['1-2 put a', '3-4 put b', '5-6 get a'],
    ['1-2 put a', '3-6 put b', '4-5 get a'],
  ],
  ['a lost write', ['1-2 put a', '3-4 get'], ['1-4 put a', '2-3 get']],
  [
    'a write that was refused and is seen',
    ['1-2 put a', '3-4 get b'],
    ['1-2 put a', '2- put b', '3-4 get b'],
  ],
  ['a read before its write began', ['1-2 get a', '3- put a'], ['1-4 get a', '3- put a']],
  [
    'a deleted value that comes back',
    ['1-2 put a', '3-4 delete', '5-6 get a'],
    ['1-2 put a', '3-6 delete', '4-5 get a'],
  ],
  [
    'reads that go back',
    ['1-6 put a', '2-3 get a', '4-5 get'],
    ['1-6 put a', '2-3 get', '4-5 get a'],
  ],
  [
    'a write of unknown outcome that comes twice',
    ['1- put a', '2-3 get a', '4-5 put b', '6-7 get b', '8-9 get a'],
    ['1- put a', '2-3 get', '4-5 put b', '6-7 get b', '8-9 get a'],
  ],
])('a register: %s', (_name, bad, good) => {
  const judge = (lines: readonly string[]): string =>
    checkLinearizable(registerModel, lines.map(registerOp), { left: 10_000 });
  it('is convicted', () => expect(judge(bad)).toBe('illegal'));
  it('and the nearest history that is none is not', () => expect(judge(good)).toBe('linearizable'));
});

/** `incr 3` with its reply, `incr` without one, `get 3`. */
function counter(lines: readonly string[]): CounterHistory {
  const history: CounterHistory = { increments: [], reads: [] };
  for (const line of lines) {
    const { call, ret, words } = parse(line);
    const [kind, reply] = words;
    const at = { client: 0, call, ret };
    if (kind === 'get') history.reads.push({ ...at, value: Number(reply) });
    else
      history.increments.push({ ...at, ...(reply === undefined ? {} : { value: Number(reply) }) });
  }
  return history;
}

describe.each<
  readonly [name: string, final: number, bad: readonly string[], good: readonly string[]]
>([
  ['a lost increment', 1, ['1-2 incr 1', '3-4 incr 2'], ['1-2 incr 1', '3- incr']],
  ['one that counts twice', 2, ['1-2 incr 1'], ['1-2 incr 1', '3- incr']],
  ['two with one reply', 1, ['1-4 incr 1', '2-3 incr 1'], ['1-4 incr 1', '2- incr']],
  ['a stale read', 1, ['1-2 incr 1', '3-4 get 0'], ['1-4 incr 1', '2-3 get 0']],
])('a counter: %s', (_name, final, bad, good) => {
  it('is convicted', () =>
    expect(checkCounter('c', counter(bad), final).violations).not.toEqual([]));
  it('and the nearest history that is none is not', () =>
    expect(checkCounter('c', counter(good), final).violations).toEqual([]));
});

const writer: WriteRecord = {
  client: 0,
  call: 1,
  ret: 2,
  outcome: 'ok',
  startTs: 10n,
  commitTs: 20n,
  writes: new Map([
    ['a', 'a1'],
    ['b', 'b1'],
  ]),
};
const range = { start: 'a', end: 'z', reverse: false, keyOnly: false, limit: Infinity };

describe.each<readonly [name: string, ts: bigint, pairs: RangeRead['pairs'], isGood: boolean]>([
  [
    'all that was committed',
    20n,
    [
      ['a', 'a1'],
      ['b', 'b1'],
    ],
    true,
  ],
  ['a key that is missing (phantom)', 20n, [['a', 'a1']], false],
  ['nothing before the commit', 19n, [], true],
  ['a key before its commit', 19n, [['a', 'a1']], false],
  [
    'a value that nobody wrote',
    20n,
    [
      ['a', 'a2'],
      ['b', 'b1'],
    ],
    false,
  ],
])('a snapshot of a range: %s', (_name, ts, pairs, isGood) => {
  it('is judged right', () => {
    const read = { client: 1, call: 3, ret: 4, ts, ...range, pairs };
    expect(checkSnapshotReads([writer], [read]).violations.length === 0).toBe(isGood);
  });
});

describe('times and timestamps', () => {
  it.each([
    ['a start below a commit that had returned', 3, 19n, false],
    ['a start at that commit', 3, 20n, true],
    ['a start below one that had not', 1, 19n, true],
  ])('%s', (_name, call, startTs, isGood) => {
    const txns = [
      { client: 0, call: 0, ret: 2, startTs: 10n, commitTs: 20n },
      { client: 1, call, ret: 5, startTs },
    ];
    expect(checkRealTime(txns).violations.length === 0).toBe(isGood);
  });

  it.each([
    ['granted twice', 1, 7n, false],
    ['granted backwards', 3, 6n, false],
    ['granted backwards at the same time', 1, 6n, true],
    ['granted forwards', 3, 8n, true],
  ])('%s', (_name, call, last, isGood) => {
    const grants = [
      { client: 0, call: 0, ret: 2, last: 7n, count: 1 },
      { client: 1, call, ret: 4, last, count: 1 },
    ];
    expect(checkTso(grants).violations.length === 0).toBe(isGood);
  });
});

describe('an iteration over keys', () => {
  it.each([
    ['finds a key that is there throughout', ['a', 'b'], true],
    ['misses one', ['a'], false],
    ['may find more', ['a', 'b', 'c'], true],
  ])('%s', (_name, found, isGood) => {
    const scan = { client: 0, call: 1, present: ['a', 'b'], found: new Set(found) };
    expect(checkScans([scan]).violations.length === 0).toBe(isGood);
  });
});
