import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Proposals } from './proposals.js';

function start(): { proposals: Proposals<string>; story: string[] } {
  const story: string[] = [];
  const proposals = new Proposals<string>({
    replaced: (names) => story.push(...names.map((name) => `${name} replaced`)),
    unknown: (names, why) => story.push(...names.map((name) => `${name} unknown: ${why}`)),
  });
  return { proposals, story };
}

const LOST = 'leadership was lost before the entry was committed';

describe('proposals', () => {
  it('gives the waiters of an entry to whoever applies it, once', () => {
    const { proposals, story } = start();
    proposals.track(7, 2, ['a', 'b']);
    proposals.track(9, 2, ['c']);
    expect(proposals.size).toBe(3);
    expect(proposals.take(7, 2)).toEqual(['a', 'b']);
    expect(proposals.take(8, 2)).toEqual([]);
    expect(proposals.take(9, 2)).toEqual(['c']);
    expect(proposals.take(10, 2)).toEqual([]);
    expect(proposals.size).toBe(0);
    expect(story).toEqual([]);
  });

  it('tells what is not committed when leadership is lost that its outcome is unknown, at once', () => {
    const { proposals, story } = start();
    for (let index = 11; index <= 14; index++) proposals.track(index, 2, [`p${index}`]);
    proposals.release(undefined, 12);
    expect(story).toEqual([`p13 unknown: ${LOST}`, `p14 unknown: ${LOST}`]);
    expect(proposals.size).toBe(2);
    // The commit index may be that of the next leader by now: only the entry itself tells.
    expect(proposals.take(11, 2)).toEqual(['p11']);
    expect(proposals.take(12, 3)).toEqual([]);
    expect(story.at(-1)).toBe('p12 replaced');
  });

  it('releases the proposals of an earlier term that a later one of this leader has made old', () => {
    const { proposals, story } = start();
    proposals.track(11, 2, ['old']);
    proposals.release(4, 10);
    proposals.track(11, 4, ['new']);
    proposals.release(4, 10);
    expect(story).toEqual([`old unknown: ${LOST}`]);
    expect(proposals.take(11, 4)).toEqual(['new']);
  });

  it('tells those that an entry of a later term has overtaken that they are replaced', () => {
    const { proposals, story } = start();
    for (let index = 11; index <= 14; index++) proposals.track(index, 2, [`p${index}`]);
    expect(proposals.take(11, 2)).toEqual(['p11']);
    expect(proposals.take(12, 3)).toEqual([]);
    expect(story).toEqual(['p12 replaced', 'p13 replaced', 'p14 replaced']);
    expect(proposals.size).toBe(0);
  });

  it('compares the entries that a snapshot replaces by their terms, too', () => {
    const { proposals, story } = start();
    proposals.track(11, 2, ['a']);
    proposals.track(12, 5, ['b']);
    proposals.track(13, 5, ['c']);
    proposals.skipTo(12, 3);
    // Before (12, 3) there is no entry of term 5; after it there may be.
    expect(story).toEqual(['a unknown: a snapshot replaced the entry', 'b replaced']);
    expect(proposals.take(13, 5)).toEqual(['c']);
    proposals.track(14, 5, ['d']);
    proposals.skipTo(13, 6);
    expect(story.at(-1)).toBe('d replaced');
  });

  it('tells everybody when nothing will be applied any more', () => {
    const { proposals, story } = start();
    proposals.track(11, 2, ['a', 'b']);
    proposals.abandon('gone');
    expect(story).toEqual(['a unknown: gone', 'b unknown: gone']);
    expect(proposals.size).toBe(0);
  });

  it('never says "replaced" of an entry that is applied, nor leaves anybody waiting', () => {
    // The terms of the committed log, by index; and a replica that leads now and then.
    const history = fc.array(fc.nat(2), { minLength: 1, maxLength: 12 });
    const reign = fc.record({
      term: fc.nat(12),
      appends: fc.nat(4),
      committed: fc.nat(12),
      applied: fc.nat(12),
    });
    let replaced = 0;
    const property = fc.property(history, fc.array(reign, { maxLength: 6 }), (rises, reigns) => {
      let newest = 0;
      const log = rises.map((rise) => {
        newest += rise;
        return newest;
      });
      const replica = new Replica(log);
      for (const each of reigns) replica.reign(each);
      replica.applyTo(log.length);
      const { story, tracked, taken } = replica;
      const told = story.map((line) => line.split(' ')[0]!);
      expect([...taken, ...told].sort()).toEqual(tracked.sort());
      for (const line of story.filter((words) => words.endsWith('replaced'))) {
        const [index, term] = line.split(' ')[0]!.split('/').map(Number);
        expect(log[index! - 1]).not.toBe(term);
        replaced++;
      }
    });
    fc.assert(property, { numRuns: 500 });
    expect(replaced).toBeGreaterThan(0);
  });
});

/** A replica of a log that is known from the start; waiters are named by index and term. */
class Replica {
  readonly tracked: string[] = [];
  readonly taken: string[] = [];
  readonly story: string[];
  readonly #log: readonly number[];
  readonly #proposals: Proposals<string>;
  #applied = 0;
  #committed = 0;
  #term = 0;

  constructor(log: readonly number[]) {
    this.#log = log;
    const { proposals, story } = start();
    this.#proposals = proposals;
    this.story = story;
  }

  applyTo(index: number): void {
    while (this.#applied < Math.min(index, this.#log.length)) {
      const at = ++this.#applied;
      const name = `${at}/${this.#log[at - 1]}`;
      const waiters = this.#proposals.take(at, this.#log[at - 1]!);
      expect(waiters.length === 0 || (waiters.length === 1 && waiters[0] === name)).toBe(true);
      this.taken.push(...waiters);
    }
  }

  /** Leads in a later term, appends, and loses the lead; what is applied then is committed. */
  reign(wish: { term: number; appends: number; committed: number; applied: number }): void {
    const term = Math.max(this.#term, wish.term) + 1;
    // A leader's log has all that is committed, which is of earlier terms.
    const base = this.#log.filter((each) => each < term).length;
    for (let index = base + 1; index <= base + wish.appends; index++) {
      this.tracked.push(`${index}/${term}`);
      this.#proposals.track(index, term, [`${index}/${term}`]);
    }
    // The next leader may have told it of more before it looked.
    this.#committed = Math.min(Math.max(this.#committed, wish.committed), this.#log.length);
    this.#term = Math.max(term, this.#log[this.#committed - 1] ?? 0);
    this.#proposals.release(undefined, this.#committed);
    this.applyTo(Math.min(wish.applied, this.#committed));
  }
}
