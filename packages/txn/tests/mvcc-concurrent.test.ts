import { isDeepStrictEqual } from 'node:util';
import { fakeEnv } from '@tinykv/base/testing';
import { runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FakeStore, fakeStore, type HeldProposal } from './fake-store.js';
import { type Command, checkRecords, command, expected, pair, real } from './mvcc-commands.js';
import { NaiveMvcc } from './naive-mvcc.js';

/** Commands that arrive at once, and which of the waiting proposals is applied next, again and again. */
interface Volley {
  readonly commands: readonly Command[];
  readonly picks: readonly number[];
}

const picks = fc.array(fc.nat(), { minLength: 6, maxLength: 6 });
const volley = fc.record({
  commands: fc.array(command, { minLength: 1, maxLength: 3 }).map((c) => apart(c.map(steady))),
  picks,
});

/**
 * A transaction names one time to live, one primary and one timestamp for its locks. Were it to name two at once,
 * neither the answers nor the records that are compared would say which came first.
 */
function steady(c: Command): Command {
  if (c.type !== 'prewrite' && c.type !== 'lock') return c;
  const n = Number(c.startTs >> 18n);
  const same = { ttlMs: n % 4, primary: 'abcd'[n % 4]! };
  if (c.type === 'prewrite') return { ...c, ...same };
  return { ...c, ...same, forUpdateTs: c.startTs + (BigInt(n % 3) << 18n) };
}

/**
 * A resolve comes alone: it looks for the locks of its transaction before it takes their latches, and may
 * miss one that a prewrite of the same transaction leaves in between. Whoever meets that lock resolves again.
 */
function apart(commands: Command[]): Command[] {
  return commands.some((c) => c.type === 'resolve') ? commands.slice(0, 1) : commands;
}

// A transaction's two halves one after the other, or both at once.
const story = fc
  .tuple(pair, fc.boolean(), picks)
  .map(([commands, atOnce, p]): Volley[] =>
    atOnce ? [{ commands, picks: p }] : commands.map((c) => ({ commands: [c], picks: p })),
  );
const script = fc
  .array(
    fc.oneof(
      volley.map((v) => [v]),
      story,
    ),
    { maxLength: 20, size: 'max' },
  )
  .map((parts) => parts.flat());

async function answersOf(store: FakeStore, { commands, picks }: Volley): Promise<unknown[]> {
  const { held } = Object.assign(store.access, { held: [] as HeldProposal[] });
  let running = commands.length;
  const answers = commands.map((c) => real(store, c).finally(() => running--));
  for (let round = 0; running > 0; round++) {
    await store.env.clock.settle();
    const pick = picks[round % picks.length]!;
    if (held.length > 0) held.splice(pick % held.length, 1)[0]!.settle('applied');
  }
  store.access.held = undefined;
  return Promise.all(answers);
}

function orders(count: number): number[][] {
  if (count === 0) return [[]];
  return orders(count - 1).flatMap((order) =>
    Array.from({ length: count }, (_, i) => order.toSpliced(i, 0, count - 1)),
  );
}

/** The state after the commands in this order, if that order explains their answers. */
function explain(
  naive: NaiveMvcc,
  { commands }: Volley,
  answers: readonly unknown[],
  order: readonly number[],
): NaiveMvcc | undefined {
  const after = naive.copy();
  const fits = order.every((i) => isDeepStrictEqual(expected(after, commands[i]!), answers[i]));
  return fits ? after : undefined;
}

function fitsRecords(store: FakeStore, naive: NaiveMvcc): boolean {
  try {
    checkRecords(store, naive);
    return true;
  } catch {
    return false;
  }
}

/** Some order of the commands of each volley explains what they were answered and left behind. */
function serial(): fc.IAsyncProperty<[Volley[]]> {
  return fc.asyncProperty(script, async (volleys) => {
    const store = fakeStore(fakeEnv());
    let naive = new NaiveMvcc();
    for (const each of volleys) {
      const answers = await answersOf(store, each);
      const after = orders(each.commands.length)
        .map((order) => explain(naive, each, answers, order))
        .find((candidate) => candidate !== undefined && fitsRecords(store, candidate));
      expect(after, fc.stringify({ ...each, answers })).toBeDefined();
      naive = after!;
    }
  });
}

describe('commands at once', () => {
  it('are answered and stored as if they had come one by one', async () => {
    await fc.assert(serial(), runs(60));
  });
});
