import { Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { MockView, mockConfig } from '../../tests/support/mock-view.js';
import { info, region } from '../../tests/support/world.js';
import { balanceRegion } from './balance-region.js';

const MIB = 1_048_576;

interface Kind {
  readonly count: number;
  readonly bytes: number;
  readonly on: readonly number[];
}

/** Stores and Regions that follow every plan at once. */
class Model {
  readonly #stores: readonly number[];
  readonly #regions: { readonly bytes: number; on: readonly number[] }[] = [];

  constructor(stores: number, kinds: readonly Kind[]) {
    this.#stores = Array.from({ length: stores }, (_, i) => i + 1);
    for (const { count, bytes, on } of kinds) {
      for (let i = 0; i < count; i++) this.#regions.push({ bytes, on });
    }
  }

  /** Plans one move after the other until there is none; the number of moves. */
  settle(): number {
    const rng = new Prng(7);
    for (let moves = 0; moves < 1_000; moves++) {
      const plan = balanceRegion(this.#view(), rng, mockConfig);
      if (plan === undefined) return moves;
      if (plan.type !== 'move-peer') throw new Error(`no balance: ${plan.type}`);
      const moved = this.#regions[plan.region.id - 1]!;
      moved.on = moved.on.map((store) => (store === plan.from ? plan.to : store));
    }
    throw new Error('there is no end');
  }

  counts(): readonly number[] {
    return this.#stores.map((id) => this.#regions.filter(({ on }) => on.includes(id)).length);
  }

  #view(): MockView {
    const view = new MockView(this.#regions[0]!.on.length);
    const infos = this.#regions.map(({ bytes, on }, i) => {
      const key = i + 1;
      return info(region(key, key, key + 1, on), { approximateBytes: bytes });
    });
    for (const id of this.#stores) {
      const held = infos.filter((_, i) => this.#regions[i]!.on.includes(id));
      const regionSize = held.reduce((sum, { size }) => sum + size, 0);
      view.setStore(id, held.length, { regionSize });
    }
    for (const each of infos) view.putRegion(each);
    return view;
  }
}

describe('Regions that are tiny beside a large one', () => {
  const large = { count: 1, bytes: 60 * MIB, on: [1, 2, 3] };
  const tiny = (count: number, on: readonly number[]): Kind => ({ count, bytes: 1_000, on });

  it('stay where moving them evens out neither the data nor the number of Regions', () => {
    const model = new Model(6, [large, tiny(3, [1, 2, 3]), tiny(4, [4, 5, 6])]);
    expect(model.counts()).toEqual([4, 4, 4, 4, 4, 4]);
    expect(model.settle()).toBe(0);
  });

  it('still move to a store that has few Regions', () => {
    const model = new Model(4, [large, tiny(30, [1, 2, 3])]);
    expect(model.settle()).toBeLessThan(30);
    for (const count of model.counts()) expect(count).toBeGreaterThan(20);
  });

  it('and many of them can make up for it', () => {
    const model = new Model(4, [large, { ...tiny(100, [1, 2, 3]), bytes: MIB }]);
    model.settle();
    const [, , , last] = model.counts();
    expect(last).toBeGreaterThan(80);
  });
});

describe('Regions of about one size', () => {
  it.each([1_000, 96 * MIB])('of %i bytes are spread evenly', (bytes) => {
    const model = new Model(5, [{ count: 20, bytes, on: [1, 2, 3] }]);
    model.settle();
    const counts = model.counts();
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
  });
});
