import { fromUtf8, KvError, utf8 } from '@tinykv/base';
import { beforeEach, expect, it } from 'vitest';
import type { RawSwap } from '../src/index.js';
import { RawTurns } from '../src/raw-turns.js';
import { type FakeStore, fakeStore, type HeldProposal, OLD } from './fake-store.js';

const key = utf8('k');
let store: FakeStore;

beforeEach(() => {
  store = fakeStore();
});

async function swap(expected: string, value: string): Promise<RawSwap> {
  const request = {
    cf: '',
    key,
    expected: utf8(expected),
    value: utf8(value),
    ttl: 'keep',
  } as const;
  const answer = await store.raw.compareAndSwap(OLD, request);
  if (!answer.ok || answer.value.type !== 'ok') throw new Error(JSON.stringify(answer));
  return answer.value.value;
}

async function value(): Promise<string> {
  const answer = await store.raw.get(OLD, '', key);
  if (!answer.ok || answer.value.type !== 'ok') throw new Error(JSON.stringify(answer));
  return fromUtf8(answer.value.value ?? new Uint8Array(0));
}

const put = (text: string) => Promise.resolve(store.raw.put(OLD, '', key, utf8(text)));
const turn = () => new Promise((resolve) => setImmediate(resolve));

it('writes a raw key that has the expected value, and says what it had', async () => {
  expect(await swap('', 'a')).toEqual({ swapped: true, previous: utf8('') });
  expect(await swap('x', 'b')).toEqual({ swapped: false, previous: utf8('a') });
  expect(await swap('', 'b')).toEqual({ swapped: false, previous: utf8('a') });
  expect(await value()).toBe('a');
  expect(await swap('a', '')).toEqual({ swapped: true, previous: utf8('a') });
  expect(await value()).toBe('');
  const proposals = store.access.proposals;
  expect(await swap('', '')).toEqual({ swapped: true, previous: utf8('') });
  expect(store.access.proposals).toBe(proposals);
});

it('compares after the writes that are under way, and before those that come later', async () => {
  await put('a');
  const held: HeldProposal[] = [];
  store.access.held = held;
  const first = put('b');
  const swapped = swap('a', 'c');
  const later = put('d');
  await turn();
  // Nobody knows yet what the key will have: only the first write has been proposed.
  expect(held).toHaveLength(1);
  for (let i = 0; i < 2; i++) {
    held[i]!.settle('applied');
    await turn();
  }
  expect(await swapped).toEqual({ swapped: false, previous: utf8('b') });
  expect([(await first).ok, (await later).ok, await value()]).toEqual([true, true, 'd']);
});

it('lets one of many swaps from the same value win', async () => {
  await put('a');
  const all = await Promise.all(['b', 'c', 'd'].map((text) => swap('a', text)));
  expect(all.filter(({ swapped }) => swapped)).toHaveLength(1);
  expect(await value()).toBe('b');
});

it('is unknown when its proposal is, and lets the next one go on', async () => {
  const held: HeldProposal[] = [];
  store.access.held = held;
  const unknown = swap('', 'a');
  const next = swap('b', 'c');
  await turn();
  held[0]!.settle('unknown-applied');
  await expect(unknown).rejects.toBeInstanceOf(KvError);
  expect(await next).toEqual({ swapped: false, previous: utf8('a') });
});

it('does not answer from a leadership that has ended', async () => {
  await put('a');
  const { acquireWrite } = store.access;
  store.access.acquireWrite = async () => {
    const view = await acquireWrite.call(store.access);
    store.access.term += 1;
    return view;
  };
  const request = { cf: '', key, expected: utf8('x'), value: utf8('b'), ttl: 'keep' } as const;
  expect((await store.raw.compareAndSwap(OLD, request)).ok).toBe(false);
});

it('lets blind writes of a key run side by side, and waits in a bounded queue', async () => {
  const turns = new RawTurns(2, 1_000);
  expect([turns.enter('k', false, 10), turns.enter('k', false, 10)]).toEqual([
    undefined,
    undefined,
  ]);
  const alone = turns.enter('k', true, 10);
  const behind = turns.enter('k', false, 10);
  expect(turns.enter('k', false, 10)).toBe('busy');
  turns.leave('k');
  turns.leave('k');
  await alone;
  turns.leave('k');
  await behind;
  turns.leave('k');
  expect(turns.keys).toBe(0);
});
