import { limits } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { ReadGate, type ReadRefusal } from './read-gate.js';

function gate(): { reads: ReadGate; log: (string | undefined)[]; add: (name: string) => void } {
  const reads = new ReadGate(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  const log: (string | undefined)[] = [];
  const add = (name: string): void =>
    reads.add((refusal: ReadRefusal | undefined) => log.push(`${name}:${refusal ?? 'ok'}`));
  return { reads, log, add };
}

describe('read gate', () => {
  it('asks once for all reads of a turn and answers when the index is applied', () => {
    const { reads, log, add } = gate();
    add('a');
    add('b');
    const context = reads.ask();
    expect(reads.waiting).toBe(false);
    reads.onReadState({ index: 7, requestContext: context }, 5);
    reads.onApplied(6);
    expect(log).toEqual([]);
    reads.onApplied(7);
    expect(log).toEqual(['a:ok', 'b:ok']);
  });

  it('answers at once when the index is applied already', () => {
    const { reads, log, add } = gate();
    add('a');
    reads.onReadState({ index: 5, requestContext: reads.ask() }, 5);
    expect(log).toEqual(['a:ok']);
  });

  it('gives every request a context of its own and ignores strangers', () => {
    const { reads, log, add } = gate();
    add('a');
    const first = reads.ask().slice();
    add('b');
    const second = reads.ask().slice();
    expect(first).not.toEqual(second);
    reads.onReadState({ index: 5, requestContext: Uint8Array.of(9) }, 5);
    reads.onReadState({ index: 5, requestContext: second }, 5);
    reads.onReadState({ index: 5, requestContext: second }, 5);
    expect(log).toEqual(['b:ok']);
  });

  it('refuses all that waits, wherever it waits, exactly once', () => {
    const { reads, log, add } = gate();
    add('a');
    reads.onReadState({ index: 9, requestContext: reads.ask() }, 5);
    add('b');
    const asked = reads.ask().slice();
    add('c');
    reads.refuseAll('not-leader');
    reads.onReadState({ index: 5, requestContext: asked }, 5);
    reads.onApplied(9);
    expect(log.sort()).toEqual(['a:not-leader', 'b:not-leader', 'c:not-leader']);
  });

  it('refuses what no quorum has confirmed, and leaves what waits for apply', () => {
    const { reads, log, add } = gate();
    add('confirmed');
    reads.onReadState({ index: 9, requestContext: reads.ask() }, 5);
    add('asked');
    const asked = reads.ask().slice();
    add('waiting');
    reads.refuseUnconfirmed('lease-over');
    expect(log.splice(0).sort()).toEqual(['asked:lease-over', 'waiting:lease-over']);
    expect(reads.unconfirmed).toBe(false);
    reads.onReadState({ index: 5, requestContext: asked }, 5);
    reads.onApplied(9);
    expect(log).toEqual(['confirmed:ok']);
  });

  it('asks again for what may never be confirmed, and takes no notice of the old request', () => {
    const { reads, log, add } = gate();
    add('a');
    const first = reads.ask().slice();
    add('b');
    reads.askAgain();
    expect(reads.waiting).toBe(true);
    const second = reads.ask();
    reads.onReadState({ index: 5, requestContext: first }, 5);
    expect(log).toEqual([]);
    reads.onReadState({ index: 5, requestContext: second }, 5);
    expect(log).toEqual(['a:ok', 'b:ok']);
    reads.askAgain();
    expect(reads.waiting).toBe(false);
  });

  it('answers busy when full', () => {
    const { reads, log, add } = gate();
    for (let i = 0; i < limits.regionPendingReadsMax; i++) reads.add(() => undefined);
    add('late');
    expect(log).toEqual(['late:busy']);
    reads.refuseAll('not-leader');
    add('again');
    reads.onReadState({ index: 1, requestContext: reads.ask() }, 1);
    expect(log).toEqual(['late:busy', 'again:ok']);
  });
});
