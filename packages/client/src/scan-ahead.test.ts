import { limits, utf8 } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import type { KvPair } from './range-scan.js';
import type { Scan } from './scan.js';

const KEYS = 40;
const name = (i: number): string => `k${String(i).padStart(2, '0')}`;
const NAMES = Array.from({ length: KEYS }, (_, i) => name(i));
const textOf = ({ key }: KvPair): string => Buffer.from(key).toString();

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise, 60_000);
const settle = (): Promise<void> => cluster.env.clock.run(200);
const scans = (): number => cluster.callsOf('KvScan').length;

async function start(splits: readonly string[], answerPairsMax: number): Promise<void> {
  cluster = await FakeCluster.start();
  splits.forEach((key, i) => void cluster.split(utf8(key), 1 + (i % 3)));
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
  await run(
    client.txn(async (t) => {
      for (const each of NAMES) t.put(utf8(each), utf8(`v${each}`));
    }),
  );
  cluster.answerPairsMax = answerPairsMax;
  cluster.calls.length = 0;
}

/** Takes so many pages, with time for whatever goes on between them. */
async function take(scan: Scan<KvPair>, count: number): Promise<string[]> {
  const pages = scan.pages();
  const seen: string[] = [];
  for (let i = 0; i < count; i++) {
    const page = await run(pages.next());
    if (page.done === true) break;
    seen.push(...[...page.value].map(textOf));
    await settle();
  }
  return seen;
}

describe('a scan of a snapshot', () => {
  it('gives every pair once and in order over all Regions, which split meanwhile', async () => {
    const places = fc.uniqueArray(fc.constantFrom(...NAMES), { maxLength: 6 });
    const options = fc.record({
      reverse: fc.boolean(),
      keyOnly: fc.boolean(),
      limit: fc.option(fc.integer({ min: 1, max: KEYS + 2 }), { nil: undefined }),
      end: fc.option(fc.constantFrom(...NAMES), { nil: undefined }),
    });
    const page = fc.integer({ min: 1, max: 9 });
    const ofTxn = fc.boolean();
    await fc.assert(
      fc.asyncProperty(
        places,
        places,
        page,
        options,
        ofTxn,
        async (first, later, pairs, o, isTxn) => {
          await start(first, pairs);
          const { end, limit = Number.POSITIVE_INFINITY, reverse, keyOnly } = o;
          const reads = isTxn ? await run(client.txn.begin()) : await run(client.snapshot());
          const bound = {
            ...(end === undefined ? {} : { end: utf8(end) }),
            ...(o.limit === undefined ? {} : { limit: o.limit }),
          };
          const scan = reads.scan(utf8(name(2)), { ...bound, reverse, keyOnly });
          const splits = later.filter((each) => !first.includes(each));
          const seen: string[] = [];
          const pages = scan.pages();
          for (;;) {
            const next = await run(pages.next());
            if (next.done === true) break;
            for (const pair of next.value) {
              seen.push(`${textOf(pair)}=${Buffer.from(pair.value).toString()}`);
            }
            const split = splits.pop();
            if (split !== undefined) cluster.split(utf8(split), 2);
          }
          const wanted = NAMES.filter(
            (each) => each >= name(2) && (end === undefined || each < end),
          );
          if (reverse) wanted.reverse();
          const values = wanted.map((each) => `${each}=${keyOnly ? '' : `v${each}`}`);
          expect(seen).toEqual(values.slice(0, limit));
          client.close().catch(() => undefined);
        },
      ),
      runs(40),
    );
  });

  it('reads nothing ahead for a caller that wants one page, and no more than so many pages', async () => {
    await start([], 2);
    const snapshot = await run(client.snapshot());
    expect(await take(snapshot.scan(utf8('')), 1)).toEqual(NAMES.slice(0, 2));
    expect(scans()).toBe(1);
    cluster.calls.length = 0;
    expect(await take(snapshot.scan(utf8('')), 2)).toEqual(NAMES.slice(0, 4));
    expect(scans()).toBe(2 + limits.clientScanPagesAhead);
    cluster.calls.length = 0;
    // The limit is known: nothing is read behind it.
    expect(await take(snapshot.scan(utf8(''), { limit: 5 }), 9)).toEqual(NAMES.slice(0, 5));
    expect(scans()).toBe(3);
  });

  it.each([false, true])('reads in several Regions at once, reverse: %s', async (reverse) => {
    await start([name(10), name(20), name(30)], 3);
    const snapshot = await run(client.snapshot());
    const range = { reverse, end: utf8('l') };
    await take(snapshot.scan(utf8('k'), range), 2);
    const regions = new Set(cluster.callsOf('KvScan').map(({ context }) => context.regionId));
    expect(regions.size).toBe(4);
    expect(scans()).toBeLessThanOrEqual(2 + limits.clientScanPagesAhead);
  });

  it('reads a page again that could not be read ahead, when it is asked for', async () => {
    await start([], 4);
    const snapshot = await run(client.snapshot());
    const pages = snapshot.scan(utf8(''), { timeoutMs: 300 }).pages();
    await run(pages.next());
    await run(pages.next());
    await settle();
    // A page that is read ahead now has no answer in time.
    cluster.script = ({ method }) => (method === 'KvScan' ? { type: 'hang' } : undefined);
    await cluster.env.clock.run(2_000);
    for (let i = 0; i < limits.clientScanPagesAhead; i++) {
      const kept = await run(pages.next());
      expect(kept.done).toBe(false);
    }
    await cluster.env.clock.run(2_000);
    cluster.script = () => undefined;
    const rest: string[] = [];
    for (;;) {
      const next = await run(pages.next());
      if (next.done === true) break;
      rest.push(...[...next.value].map(textOf));
    }
    expect(rest).toEqual(NAMES.slice(4 * (2 + limits.clientScanPagesAhead)));
  });

  it('ends in time when its store is away, and reads no more once it is left', async () => {
    await start([], 4);
    const snapshot = await run(client.snapshot());
    const pages = snapshot.scan(utf8(''), { timeoutMs: 300 }).pages();
    await run(pages.next());
    cluster.script = ({ method }) => (method === 'KvScan' ? { type: 'hang' } : undefined);
    const asked = cluster.env.clock.mono();
    await expect(run(pages.next())).rejects.toThrow();
    expect(cluster.env.clock.mono() - asked).toBeLessThanOrEqual(301);
    cluster.script = () => undefined;
    for await (const _ of { [Symbol.asyncIterator]: () => leave(snapshot.scan(utf8(''))) }) break;
    const left = scans();
    await settle();
    expect(scans()).toBe(left);
  });

  /** Iterates over five pairs, of two pages, and leaves. */
  async function* leave(scan: Scan<KvPair>): AsyncGenerator<void> {
    const pairs = scan[Symbol.asyncIterator]();
    for (let i = 0; i < 5; i++) await run(pairs.next());
    await run(pairs.return!());
    yield;
  }
});

describe('the pairs of a scan', () => {
  beforeEach(() => start([name(7)], 3));

  it('come in order to calls that do not wait for each other', async () => {
    const snapshot = await run(client.snapshot());
    const pairs = snapshot.scan(utf8(''))[Symbol.asyncIterator]();
    const steps = Array.from({ length: KEYS + 2 }, () => pairs.next());
    const results = await run(Promise.all(steps));
    const seen = results.flatMap(({ done, value }) => (done === true ? [] : [textOf(value!)]));
    expect(seen).toEqual(NAMES);
    expect(results.slice(KEYS).every(({ done }) => done === true)).toBe(true);
  });

  it('come anew for each iteration, and the same whether awaited, iterated or taken by pages', async () => {
    const snapshot = await run(client.snapshot());
    const scan = snapshot.scan(utf8(''), { limit: 20 });
    const iterated = async (): Promise<string[]> => {
      const seen: string[] = [];
      for await (const pair of scan) seen.push(textOf(pair));
      return seen;
    };
    expect(await run(iterated())).toEqual(NAMES.slice(0, 20));
    expect(await run(iterated())).toEqual(NAMES.slice(0, 20));
    expect((await run(scan.then())).map(textOf)).toEqual(NAMES.slice(0, 20));
    expect(await take(scan, 99)).toEqual(NAMES.slice(0, 20));
  });
});
