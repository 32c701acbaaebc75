import { runs } from '@tinykv/base/testing/fuzz';
import { isEpochStale, type Region } from '@tinykv/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RegionCache } from './region-cache.js';

// Keys are single bytes 1..9; 0 stands for the empty key, 10 for the end of everything.
const END = 10;
const bytesOf = (n: number): Uint8Array =>
  n === 0 || n === END ? new Uint8Array(0) : Uint8Array.of(n);
const startOf = (r: Region): number => r.range.start[0] ?? 0;
const endOf = (r: Region): number => r.range.end[0] ?? END;

function region(id: number, start: number, end: number, version: number, confVer: number): Region {
  const peers = [1, 2, 3].map((storeId) => ({ id: id * 10 + storeId, storeId, learner: false }));
  const range = { start: bytesOf(start), end: bytesOf(end) };
  return { id, range, epoch: { version, confVer }, peers };
}

/** A cluster whose Regions split and change their peers; remembers all that was ever true. */
class History {
  current: Region[] = [region(1, 0, END, 1, 1)];
  readonly all: Region[] = [...this.current];

  split(key: number): void {
    const parent = this.current.find((r) => startOf(r) < key && key < endOf(r));
    if (parent === undefined) return;
    const version = parent.epoch.version + 1;
    const { confVer } = parent.epoch;
    // As TinyKV does it: what lies behind the key is the new Region.
    const left = region(parent.id, startOf(parent), key, version, confVer);
    const right = region(this.all.length + 1, key, endOf(parent), version, confVer);
    this.#replace(parent, left, right);
  }

  changePeers(n: number): void {
    const old = this.current[n % this.current.length]!;
    const { version, confVer } = old.epoch;
    this.#replace(old, region(old.id, startOf(old), endOf(old), version, confVer + 1));
  }

  #replace(old: Region, ...present: Region[]): void {
    this.current = [...this.current.filter((r) => r !== old), ...present];
    this.all.push(...present);
  }
}

interface Event {
  readonly type: 'split' | 'change-peers' | 'invalidate';
  readonly n: number;
}

/** The client hears of Regions of any time, from a store or from the scheduler. */
interface News {
  readonly type: 'store-says' | 'scheduler-says';
  readonly which: readonly number[];
}

type Step = Event | News;

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom('split', 'split', 'change-peers', 'invalidate'),
      n: fc.integer({ min: 1, max: END - 1 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom('store-says', 'scheduler-says'),
      which: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
    }),
  },
);

function run(cache: RegionCache, history: History, s: Step): void {
  if ('which' in s) {
    const news = s.which.map((n) => history.all[n % history.all.length]!);
    if (s.type === 'store-says') cache.update(news, 1);
    else for (const told of news) cache.adopt({ region: told, leader: told.peers[1] });
  } else if (s.type === 'split') history.split(s.n);
  else if (s.type === 'change-peers') history.changePeers(s.n);
  else invalidate(cache, bytesOf(s.n));
}

function invalidate(cache: RegionCache, key: Uint8Array): void {
  const found = cache.find(key);
  if (found === undefined) return;
  cache.invalidate(found);
  expect(cache.find(key)).toBeUndefined();
}

/** What the cache says of each key, having checked that it is no nonsense. */
function known(cache: RegionCache, history: History): (Region | undefined)[] {
  return Array.from({ length: END }, (_, n) => {
    const found = cache.find(bytesOf(n));
    if (found === undefined) return undefined;
    expect(startOf(found.region) <= n && n < endOf(found.region)).toBe(true);
    expect(history.all).toContain(found.region);
    expect(cache.isCurrent(found)).toBe(true);
    expect(found.region.peers).toContainEqual(found.leader);
    return found.region;
  });
}

it('news of any age in any order: nothing goes back, and the present is found once it was told', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(), (steps, rotation) => {
      const cache = new RegionCache({ getRegion: async () => undefined });
      const history = new History();
      for (const s of steps) {
        const before = known(cache, history);
        run(cache, history, s);
        for (const [n, region] of known(cache, history).entries()) {
          const old = before[n];
          if (old === undefined || region === undefined) continue;
          expect(region.epoch.version).toBeGreaterThanOrEqual(old.epoch.version);
          if (region.id === old.id) expect(isEpochStale(region.epoch, old.epoch)).toBe(false);
        }
      }
      const { current } = history;
      const turned = current.map((_, i) => current[(i + rotation) % current.length]!);
      cache.update(turned, 2);
      for (const [n, region] of known(cache, history).entries()) {
        const expected = current.find((r) => startOf(r) <= n && n < endOf(r));
        expect(region?.epoch).toEqual(expected?.epoch);
        expect(region?.id).toBe(expected?.id);
      }
    }),
    runs(50),
  );
});
