import { Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { checkListAppend } from './list-append.js';
import type { TxnOp, TxnRecord } from './txn-record.js';

const NEVER = Number.POSITIVE_INFINITY;

const r = (key: string, ...values: number[]): TxnOp => ({ kind: 'read', key, values });
const a = (key: string, value: number): TxnOp => ({ kind: 'append', key, value });

/** A committed transaction whose timestamps are ten times its call and its return. */
function txn(call: number, ret: number, ...ops: TxnOp[]): TxnRecord {
  const commitTs = ops.some(({ kind }) => kind === 'append') ? { commitTs: BigInt(ret * 10) } : {};
  return { client: 0, call, ret, outcome: 'ok', ops, startTs: BigInt(call * 10), ...commitTs };
}

function unfinished(outcome: 'fail' | 'unknown', call: number, ...ops: TxnOp[]): TxnRecord {
  return { client: 0, call, ret: NEVER, outcome, ops, startTs: BigInt(call * 10) };
}

/** The same without anything to tell of time: all at once, with timestamps that nobody can contradict. */
function timeless(...records: readonly TxnRecord[]): TxnRecord[] {
  return records.map((record, i) => {
    const { commitTs: _, ...rest } = record;
    return { ...rest, call: 0, ret: 1_000, startTs: BigInt(i) };
  });
}

function kinds(...history: readonly TxnRecord[]): string[] {
  return checkListAppend(history).violations.map(({ message }) => message.split(':')[0]!);
}

describe('transactions over lists', () => {
  it('pass one after the other', () => {
    const history = [
      txn(1, 2, r('x'), a('x', 1), r('x', 1)),
      txn(3, 4, r('x', 1), a('x', 2), a('x', 3), a('y', 1)),
      txn(5, 6, r('x', 1, 2, 3), r('y', 1)),
    ];
    expect(checkListAppend(history)).toEqual({ violations: [], checked: 3, gaveUp: [] });
  });

  it('pass with write skew: snapshot isolation allows it', () => {
    expect(
      kinds(txn(1, 4, r('x'), r('y'), a('y', 1)), txn(2, 3, r('y'), r('x'), a('x', 1))),
    ).toEqual([]);
  });

  it('pass when a transaction of unknown outcome is seen, and when it is not', () => {
    const unknown = unfinished('unknown', 1, a('x', 1), a('y', 1));
    expect(kinds(unknown, txn(3, 4, r('x', 1), r('y', 1)))).toEqual([]);
    expect(kinds(unknown, txn(3, 4, r('x'), r('y')))).toEqual([]);
    // First it has not committed, then it has.
    expect(kinds(unknown, txn(3, 4, r('x')), txn(5, 6, r('x', 1), r('y', 1)))).toEqual([]);
  });
});

describe('transactions that lock what they read', () => {
  const locking = (record: TxnRecord): TxnRecord => ({ ...record, locking: true });
  const skew = [
    txn(1, 4, r('x'), r('y'), a('y', 1)),
    txn(2, 3, r('y'), r('x'), a('x', 1)),
  ] as const;

  it('see what was committed after they began', () => {
    const late = txn(1, 5, r('x', 1), a('y', 1));
    expect(kinds(txn(2, 3, a('x', 1)), late)).not.toEqual([]);
    expect(kinds(txn(2, 3, a('x', 1)), locking(late))).toEqual([]);
  });

  it('are serializable: write skew convicts them, be they two or more', () => {
    expect(kinds(...skew)).toEqual([]);
    expect(kinds(...skew.map(locking))).toContain('G2-locking');
    const three = [
      txn(1, 9, r('x'), a('y', 1)),
      txn(1, 9, r('y'), a('z', 1)),
      txn(1, 9, r('z'), a('x', 1)),
    ];
    expect(kinds(...timeless(...three))).toEqual([]);
    expect(kinds(...timeless(...three.map(locking)))).toEqual(['G2-locking']);
  });

  it('put up with others that do not', () => {
    expect(kinds(...timeless(locking(skew[0]), skew[1]))).toEqual([]);
  });

  it('of unknown outcome say nothing by their timestamps', () => {
    const unknown = locking(unfinished('unknown', 1, a('x', 1)));
    expect(kinds(unknown, txn(3, 4, r('x')), txn(5, 6, r('x', 1)))).toEqual([]);
  });
});

describe('a single read convicts', () => {
  it('an append that its own transaction does not see', () => {
    expect(kinds(txn(1, 2, a('x', 1), r('x')))).toEqual(['internal']);
    expect(kinds(txn(1, 2, a('x', 1), r('x', 2), a('x', 2)))).toContain('internal');
  });

  it('a key that changes while a transaction reads it', () => {
    expect(kinds(txn(1, 4, r('x'), r('x', 1)), txn(2, 3, a('x', 1)))).toContain('internal');
  });

  it('what its transaction appends only later', () => {
    expect(kinds(txn(1, 4, r('x', 1), a('x', 1)))).toContain('internal');
  });

  it('a value that is there twice', () => {
    expect(kinds(txn(1, 2, a('x', 1)), txn(3, 4, r('x', 1, 1)))).toContain('duplicate');
  });

  it('a value that nobody appended', () => {
    expect(kinds(txn(1, 2, r('x', 7)))).toEqual(['garbage']);
  });

  it('a value of a transaction that failed (G1a)', () => {
    expect(kinds(unfinished('fail', 1, a('x', 1)), txn(2, 3, r('x', 1)))).toEqual(['G1a']);
    const failed = unfinished('fail', 1, a('x', 1));
    expect(
      kinds(failed, txn(2, 3, a('x', 2)), txn(4, 5, r('x', 2)), txn(6, 7, r('x', 1))),
    ).toContain('G1a');
  });

  it('the middle of the appends of another (G1b)', () => {
    const writer = txn(1, 2, a('x', 1), a('x', 2));
    expect(kinds(writer, txn(3, 4, r('x', 1)))).toContain('G1b');
    const between = [writer, txn(3, 4, a('x', 3)), txn(5, 6, r('x', 1, 3, 2))];
    expect(kinds(...between)).toContain('G1b');
  });

  it('and shows the end of a long list', () => {
    const list = Array.from({ length: 12 }, (_, i) => i);
    expect(checkListAppend([txn(1, 2, r('x', ...list))]).violations[0]?.history).toEqual([
      'T0 client 0 [1, 2] ok start 10: read x [(4 more) 4 5 6 7 8 9 10 11]',
    ]);
  });

  it('even when the reader itself failed later', () => {
    expect(kinds(unfinished('fail', 1, r('x', 7)))).toEqual(['garbage']);
  });
});

describe('several transactions together convict', () => {
  it('two orders of one list', () => {
    const history = timeless(
      txn(1, 2, a('x', 1)),
      txn(1, 2, a('x', 2)),
      txn(1, 2, r('x', 1, 2)),
      txn(1, 2, r('x', 2)),
    );
    expect(kinds(...history)).toContain('incompatible order');
  });

  it('two writers that overwrite each other (G0)', () => {
    const history = timeless(
      txn(1, 2, a('x', 1), a('y', 1)),
      txn(1, 2, a('x', 2), a('y', 2)),
      txn(1, 2, r('x', 1, 2)),
      txn(1, 2, r('y', 2, 1)),
    );
    expect(kinds(...history)).toContain('G0');
  });

  it('two transactions that see each other (G1c)', () => {
    const history = timeless(txn(1, 2, a('x', 1), r('y', 1)), txn(1, 2, a('y', 1), r('x', 1)));
    expect(kinds(...history)).toContain('G1c');
  });

  it('a reader that sees half of a transaction (G-single)', () => {
    const history = timeless(txn(1, 2, a('x', 1), a('y', 1)), txn(1, 2, r('x', 1), r('y')));
    expect(kinds(...history)).toEqual(['G-single']);
    const unknown = unfinished('unknown', 1, a('x', 1), a('y', 1));
    expect(kinds(unknown, txn(2, 3, r('x', 1), r('y')))).toEqual(['G-single']);
  });

  it('a lost update, seen or not', () => {
    const both = timeless(txn(1, 2, r('x'), a('x', 1)), txn(1, 2, r('x'), a('x', 2)));
    expect(kinds(...both)).toEqual(['lost update']);
    const one = timeless(...both, txn(1, 2, r('x', 2)));
    expect(kinds(...one)).toEqual(['lost update', 'G-single', 'timestamps ww']);
  });

  it('two readers that see two writers in different orders (long fork)', () => {
    const history = timeless(
      txn(1, 2, a('x', 1)),
      txn(1, 2, a('y', 1)),
      txn(1, 2, r('x', 1), r('y')),
      txn(1, 2, r('x'), r('y', 1)),
    );
    expect(kinds(...history)).toEqual(['G-nonadjacent']);
  });

  it('a read that misses what had returned before it began', () => {
    const history = [txn(1, 2, a('x', 1)), { ...txn(3, 4, r('x')), startTs: 5n }];
    expect(kinds(...history)).toEqual(['G-single-realtime', 'timestamps rt']);
  });

  it('a read that goes back behind another', () => {
    const [writer, ...readers] = timeless(txn(1, 2, a('x', 1)), txn(1, 2), txn(1, 2));
    const history = [
      { ...writer!, outcome: 'unknown' as const, ret: NEVER },
      { ...readers[0]!, ops: [r('x', 1)], call: 10, ret: 11 },
      { ...readers[1]!, ops: [r('x')], call: 12, ret: 13 },
    ];
    expect(kinds(...history)).toEqual(['G-single-realtime']);
  });

  it('an acknowledged append that nobody ever sees', () => {
    const history = [txn(1, 2, a('x', 1)), txn(3, 4, a('x', 2)), txn(5, 6, r('x', 2))];
    expect(kinds(...history)).toContain('G0-realtime');
  });
});

describe('timestamps convict', () => {
  it('a reader that began before what it saw had committed', () => {
    const history = [txn(1, 9, a('x', 1)), txn(2, 10, r('x', 1))];
    expect(kinds(...history)).toEqual(['timestamps wr']);
  });

  it('a reader that began after what it missed had committed', () => {
    const history = [
      { ...txn(1, 9, a('x', 1)), commitTs: 20n },
      { ...txn(2, 8, r('x')), startTs: 30n },
    ];
    expect(kinds(...history, txn(10, 11, r('x', 1)))).toEqual(['timestamps rw']);
  });

  it('two writers of one key that overlap, though nobody read', () => {
    const history = [txn(1, 4, a('x', 1)), txn(2, 5, a('x', 2)), txn(6, 7, r('x', 1, 2))];
    expect(kinds(...history)).toEqual(['timestamps ww']);
  });

  it('a commit before its own start, and a start that is given twice', () => {
    expect(kinds({ ...txn(1, 2, a('x', 1)), commitTs: 3n })).toEqual(['timestamps']);
    expect(kinds(txn(1, 4), { ...txn(2, 3), startTs: 10n })).toEqual(['timestamps']);
  });
});

interface StoredList {
  readonly values: readonly number[];
  readonly ts: number;
}

/** What a planted bug makes of a database under strict snapshot isolation. */
interface Bugs {
  /** Commits though another has written the key since the snapshot. */
  readonly ignoresConflicts?: boolean;
  /** A read sees what was committed after the snapshot. */
  readonly readsTheNewest?: boolean;
  /** A snapshot is older than the transaction. */
  readonly beginsInThePast?: boolean;
}

/** Runs transactions on a database under strict snapshot isolation, or nearly. */
function simulate(rng: Prng, count: number, keys: number, bugs: Bugs = {}): TxnRecord[] {
  const lists = new Map<string, StoredList[]>();
  const history: TxnRecord[] = [];
  const running: ({ ops: TxnOp[]; call: number; start: number } | undefined)[] = Array.from({
    length: 8,
  });
  let clock = 0;
  let values = 0;
  const strikes = (): boolean => rng.float() < 0.1;
  const snapshot = (key: string, ts: number): readonly number[] =>
    lists.get(key)?.findLast((one) => one.ts <= ts)?.values ?? [];
  while (history.length < count) {
    const client = rng.int(0, running.length);
    const txn = running[client];
    clock++;
    if (txn === undefined) {
      const age = bugs.beginsInThePast && strikes() ? 400 : 0;
      running[client] = { ops: [], call: clock, start: clock - age };
      continue;
    }
    const own = (key: string): number[] =>
      txn.ops.flatMap((op) => (op.kind === 'append' && op.key === key ? [op.value] : []));
    if (txn.ops.length < 6 && rng.float() < 0.7) {
      const key = `k${rng.int(0, keys)}/${Math.floor(history.length / 300)}`;
      const ts = bugs.readsTheNewest && strikes() ? clock : txn.start;
      txn.ops.push(r(key, ...snapshot(key, ts), ...own(key)));
      if (rng.float() < 0.5) txn.ops.push(a(key, ++values));
      continue;
    }
    running[client] = undefined;
    const written = [...new Set(txn.ops.flatMap((op) => (op.kind === 'append' ? [op.key] : [])))];
    const conflicts = written.some((key) => (lists.get(key)?.at(-1)?.ts ?? 0) > txn.start);
    const fails = (conflicts && !(bugs.ignoresConflicts && strikes())) || rng.float() < 0.02;
    const isUnknown = written.length > 0 && rng.float() < 0.03;
    if (!fails) {
      for (const key of written) {
        const list = lists.get(key) ?? [];
        lists.set(key, list);
        const read = txn.ops.find((op) => op.kind === 'read' && op.key === key) as
          | (TxnOp & { kind: 'read' })
          | undefined;
        list.push({ values: [...(read?.values ?? []), ...own(key)], ts: clock });
      }
    }
    const { ops, call, start } = txn;
    const base = { client, call, ops, startTs: BigInt(start * 8 + client) };
    if (isUnknown) history.push({ ...base, ret: NEVER, outcome: 'unknown' });
    else if (fails) history.push({ ...base, ret: NEVER, outcome: 'fail' });
    else {
      const commitTs = written.length > 0 ? { commitTs: BigInt(clock * 8) } : {};
      history.push({ ...base, ret: ++clock, outcome: 'ok', ...commitTs });
    }
  }
  return history;
}

describe('a database', () => {
  it('under strict snapshot isolation passes', () => {
    for (let seed = 0; seed < 10; seed++) {
      const history = simulate(new Prng(`clean ${seed}`), 500, 4);
      expect(checkListAppend(history).violations).toEqual([]);
    }
  });

  const bugs: readonly (readonly [string, Bugs, RegExp])[] = [
    ['ignores conflicts', { ignoresConflicts: true }, /^lost update|^G-single/],
    ['reads beyond its snapshot', { readsTheNewest: true }, /^timestamps wr/],
    ['begins in the past', { beginsInThePast: true }, /-realtime/],
  ];
  it.each(bugs)('that %s is convicted', (_, planted, expected) => {
    for (let seed = 0; seed < 10; seed++) {
      const history = simulate(new Prng(`bad ${seed}`), 500, 4, planted);
      const messages = checkListAppend(history).violations.map(({ message }) => message);
      expect(
        messages.some((message) => expected.test(message)),
        messages.join('\n'),
      ).toBe(true);
    }
  });

  it('is judged by tens of thousands of transactions', () => {
    const history = simulate(new Prng('many'), 30_000, 20);
    expect(checkListAppend(history).violations).toEqual([]);
  });
});
