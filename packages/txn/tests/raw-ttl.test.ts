import { composeTimestamp, fromUtf8, type Timestamp, utf8 } from '@tinykv/base';
import { family, rawKey, sealValue } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import { type FakeStore, fakeStore, type HeldProposal, OLD } from './fake-store.js';

const key = utf8('k');
/** What the scheduler says; undefined: nothing. */
let nowMs: number | undefined;
let questions: number;
let store: FakeStore;

beforeEach(() => {
  nowMs = 1_000_000;
  questions = 0;
  store = fakeStore(undefined, async (): Promise<Timestamp> => {
    questions += 1;
    if (nowMs === undefined) throw new Error('no scheduler');
    return composeTimestamp(nowMs, 0);
  });
});

type Answered<T> = { ok: boolean; value?: { type: string; value?: T } };

async function served<T>(answer: unknown): Promise<T> {
  const outcome = (await answer) as Answered<T>;
  if (!outcome.ok || outcome.value?.type !== 'ok') throw new Error(JSON.stringify(outcome));
  return outcome.value.value as T;
}

const put = (text: string, ttlMs: number, at = key): Promise<void> =>
  served(store.raw.putWithTtl(OLD, '', at, utf8(text), ttlMs));
const get = async (at = key): Promise<string | undefined> => {
  const value = await served<Uint8Array | undefined>(store.raw.get(OLD, '', at));
  return value && fromUtf8(value);
};
const ttl = (): Promise<number | 'never' | undefined> => served(store.raw.ttl(OLD, '', key));
type Ttl = { readonly ttl: number | 'keep' | undefined };
const swap = (expected: string, value: string, time: Ttl = { ttl: 'keep' }) => {
  const request = { cf: '', key, expected: utf8(expected), value: utf8(value), ...time };
  return served<{ swapped: boolean; previous: Uint8Array }>(store.raw.compareAndSwap(OLD, request));
};
async function scan(limit: number, reverse = false, keyOnly = false): Promise<string> {
  const range = { cf: '', startKey: utf8(''), endKey: utf8(''), limit, reverse, keyOnly };
  const answer = served<{ key: Uint8Array }[]>(store.raw.scan(OLD, range));
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  answer.then(end, end);
  while (!isOver) {
    await turn();
    store.env.clock.runDeferred();
    if (store.access.held !== undefined) break;
  }
  const pairs = await answer;
  return pairs.map((pair) => fromUtf8(pair.key)).join('');
}
/** Time of the scheduler and of the store. */
function pass(ms: number): void {
  if (nowMs !== undefined) nowMs += ms;
  store.env.clock.advance(ms);
}
const turn = () => new Promise((resolve) => setImmediate(resolve));
/** Records of raw keys and of their expiries in the engine. */
async function stored(): Promise<number> {
  const end = Uint8Array.of(family.expiry + 1);
  const iterator = store.engine.iterator({ start: Uint8Array.of(family.raw), end });
  const entries = await iterator.next(1_000);
  await iterator.close();
  return entries.length;
}

describe('a raw key with a time to live', () => {
  it('is there until its time, and gone from then on', async () => {
    await put('v', 5_000);
    pass(4_999);
    expect([await get(), await ttl(), await scan(9)]).toEqual(['v', 1, 'k']);
    pass(1);
    expect([await get(), await ttl(), await scan(9)]).toEqual([undefined, undefined, '']);
    expect(await stored()).toBe(0);
  });

  it('that was seen to be gone stays gone, though the time goes back', async () => {
    await put('v', 5_000);
    pass(5_000);
    expect(await get()).toBeUndefined();
    nowMs = 900_000;
    pass(2_000);
    expect([await get(), await scan(9)]).toEqual([undefined, '']);
    store.access.term += 1;
    expect(await get()).toBeUndefined();
  });

  it('is told to be gone only once that is applied', async () => {
    await put('v', 5_000);
    pass(5_000);
    const held: HeldProposal[] = [];
    store.access.held = held;
    const reads = [get(), scan(9), swap('x', 'y').then(({ swapped }) => String(swapped))];
    const seen: unknown[] = [];
    for (const read of reads) void read.then((answer) => seen.push(answer));
    for (let i = 0; i < 9; i++) await turn();
    expect([seen, held.length]).toEqual([[], 1]);
    held[0]!.settle('applied');
    expect(await Promise.all(reads)).toEqual([undefined, '', 'false']);
  });

  it('has an unknown outcome of its removal looked at again, since a read changes nothing', async () => {
    await put('v', 5_000);
    pass(5_000);
    const held: HeldProposal[] = [];
    store.access.held = held;
    const read = store.raw.get(OLD, '', key);
    for (let i = 0; i < 9; i++) await turn();
    held[0]!.settle('unknown-lost');
    expect(await read).toMatchObject({ ok: false, error: { type: 'stale-command' } });
  });

  it('does not take a newer put with it', async () => {
    await put('old', 5_000);
    pass(5_000);
    const held: HeldProposal[] = [];
    store.access.held = held;
    const newer = served(store.raw.put(OLD, '', key, utf8('new')));
    const read = get();
    await turn();
    held[0]!.settle('applied');
    await newer;
    for (let i = 0; i < 9; i++) await turn();
    // All that goes is what said when the older one expires.
    expect(held[1]!.modifies).toMatchObject([{ type: 'raw-expire', dropValue: false }]);
    held[1]!.settle('applied');
    expect(await read).toBe('new');
  });

  it('loses it with a put without one, and has it anew with a put', async () => {
    await put('a', 5_000);
    await served(store.raw.put(OLD, '', key, utf8('b')));
    pass(5_000);
    expect([await get(), await ttl()]).toEqual(['b', 'never']);
    await put('c', 5_000);
    expect(await ttl()).toBe(5_000);
  });

  it('is judged without a question while the time is fresh, and with one a second', async () => {
    await put('v', 60_000);
    const before = questions;
    for (let i = 0; i < 10; i++) await get();
    expect(questions).toBe(before);
    pass(1_001);
    await Promise.all([get(), get(), scan(9)]);
    expect(questions).toBe(before + 1);
  });

  it('is judged by the time that has passed while the scheduler is away', async () => {
    await put('v', 5_000);
    nowMs = undefined;
    pass(4_000);
    expect(await get()).toBe('v');
    await put('w', 2_000, utf8('l'));
    pass(1_500);
    expect([await get(), await get(utf8('l'))]).toEqual([undefined, 'w']);
  });

  it('is neither written nor judged by a store that was never told the time', async () => {
    await put('v', 5_000);
    const other = fakeStore(undefined, async () => Promise.reject(new Error('no scheduler')));
    Object.assign(other.access, { engine: store.engine });
    const busy = { ok: false, error: { type: 'server-is-busy' } };
    expect(await other.raw.putWithTtl(OLD, '', key, utf8('w'), 5)).toMatchObject(busy);
    expect(await other.raw.get(OLD, '', key)).toMatchObject(busy);
  });

  it('of less than a millisecond or more than a hundred years is refused', async () => {
    for (const ttlMs of [0, 1e15]) {
      expect(await store.raw.putWithTtl(OLD, '', key, utf8('v'), ttlMs)).toMatchObject({
        value: { type: 'error' },
      });
    }
  });
});

describe('a compare-and-swap', () => {
  it('keeps the time to live, unless it is given one or none', async () => {
    await put('a', 5_000);
    expect((await swap('a', 'b')).swapped).toBe(true);
    expect(await ttl()).toBe(5_000);
    expect((await swap('b', 'c', { ttl: 9_000 })).swapped).toBe(true);
    expect(await ttl()).toBe(9_000);
    expect((await swap('c', 'd', { ttl: undefined })).swapped).toBe(true);
    expect(await ttl()).toBe('never');
  });

  it('takes an expired key for one that does not exist, and gives the new value no old time', async () => {
    await put('a', 5_000);
    pass(5_000);
    expect(await swap('', 'b')).toEqual({ swapped: true, previous: utf8('') });
    expect([await get(), await ttl()]).toEqual(['b', 'never']);
  });

  it('that fails on an expired key has removed it before it says so', async () => {
    await put('a', 5_000);
    pass(5_000);
    expect(await swap('a', 'b')).toEqual({ swapped: false, previous: utf8('') });
    expect(await stored()).toBe(0);
  });
});

describe('a scan', () => {
  it('counts living pairs alone, forwards and backwards, with and without values', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      if (name < 'd') await put(name, 5_000, utf8(name));
      else await served(store.raw.put(OLD, '', utf8(name), utf8(name)));
    }
    await put('f', 9_000, utf8('f'));
    pass(5_000);
    expect(await scan(2, false, true)).toBe('de');
    expect(await scan(2)).toBe('de');
    expect(await scan(9, true)).toBe('fed');
    expect(await scan(1, true, true)).toBe('f');
  });

  it('pages over more expired keys than a page has', async () => {
    for (let i = 0; i < 600; i++) await put('x', 5, utf8(`a${1_000 + i}`));
    await served(store.raw.put(OLD, '', utf8('z'), utf8('z')));
    pass(5);
    expect(await scan(1)).toBe('z');
    expect(await stored()).toBe(1);
  });
});

describe('the collection', () => {
  async function collectAll(): Promise<number> {
    let removed = 0;
    let from: Uint8Array | undefined;
    do {
      const page = await store.raw.expiry.collect(OLD, from);
      if (!page.ok) throw new Error(JSON.stringify(page.error));
      removed += page.value.removed;
      from = page.value.next;
    } while (from !== undefined);
    return removed;
  }

  it('removes what has expired, page by page, and nothing else', async () => {
    for (let i = 0; i < 600; i++) await put('x', 5, utf8(`a${1_000 + i}`));
    await put('y', 50, utf8('y'));
    await served(store.raw.put(OLD, '', utf8('z'), utf8('z')));
    pass(5);
    expect([await collectAll(), await stored()]).toEqual([600, 3]);
    pass(45);
    expect([await collectAll(), await stored()]).toEqual([1, 1]);
  });

  it('forgets the expiry of a key that was put anew or deleted, and leaves the key', async () => {
    await put('a', 5);
    await served(store.raw.put(OLD, '', key, utf8('b')));
    await put('a', 5, utf8('l'));
    await served(store.raw.delete(OLD, '', utf8('l')));
    pass(5);
    expect([await collectAll(), await stored(), await get()]).toEqual([0, 1, 'b']);
  });

  it('asks nobody for the time where no key has one to live', async () => {
    await served(store.raw.put(OLD, '', key, utf8('v')));
    expect([await collectAll(), questions, store.access.proposals]).toEqual([0, 0, 1]);
  });
});

it('raw values of a folder from before times to live never expire', async () => {
  const at = rawKey('txn', 'default', key);
  const batch = store.engine.batch();
  batch.put(at, sealValue(at, utf8('old')));
  await store.engine.write(batch, { sync: false });
  expect([await get(), await ttl()]).toEqual(['old', 'never']);
});
