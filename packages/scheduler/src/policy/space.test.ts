import { Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { MockView, mockConfig } from '../../tests/support/mock-view.js';
import { info, type ReportChange, region } from '../../tests/support/world.js';
import { balanceRegion } from './balance-region.js';
import { checkReplicas } from './replica-checker.js';
import { isLowOnSpace } from './space.js';
import type { StoreSpace } from './view.js';

const GIB = 1024 ** 3;

/** A disk of 100 GiB with this many available. */
function disk(availableGib: number): { readonly space: StoreSpace } {
  return { space: { capacityBytes: 100 * GIB, availableBytes: availableGib * GIB } };
}

describe('space', () => {
  it.each([
    [40, 20, false],
    [40, 19.9, true],
    // Few Regions and much room: others use the disk.
    [29, 19.9, false],
    [29, 8, true],
  ])('with %i regions and %d GiB of 100 left is low: %s', (regionCount, availableGib, expected) => {
    const view = new MockView(3);
    view.setStore(1, regionCount, disk(availableGib));
    expect(isLowOnSpace(view.store(1)!, mockConfig)).toBe(expected);
  });
});

describe('replica checker and space', () => {
  const plan = (view: MockView, on: readonly number[], change: ReportChange = {}): unknown =>
    checkReplicas(view, info(region(1, 0, 0, on), change), mockConfig);

  it('never adds a peer on a store without room for it, though it has the least data', () => {
    const view = new MockView(3);
    view.setStore(1, 40);
    view.setStore(2, 1, disk(0.25));
    view.setStore(3, 60, disk(50));
    expect(plan(view, [1])).toMatchObject({ type: 'add-peer', to: 3 });
    expect(plan(view, [1, 3])).toBeUndefined();
    view.setStore(2, 1, disk(3));
    expect(plan(view, [1, 3])).toMatchObject({ type: 'add-peer', to: 2 });
    expect(plan(view, [1, 3], { approximateBytes: 3 * GIB })).toBeUndefined();
  });

  it('prefers a store that is not low on space, and an extra peer goes from one that is', () => {
    const view = new MockView(3);
    for (const id of [1, 2, 3, 4]) view.setStore(id, 40 + id, disk(50));
    view.setStore(2, 30, disk(10));
    expect(plan(view, [1])).toMatchObject({ to: 3 });
    expect(plan(view, [1, 2, 3, 4])).toMatchObject({ type: 'remove-peer', from: 2 });
  });
});

describe('balance and space', () => {
  /** Regions on stores 1, 2 and 3; store 4 has none of them. */
  function view(counts: readonly number[], disks: readonly number[]): MockView {
    const out = new MockView(3);
    counts.forEach((count, i) => void out.setStore(i + 1, count, disk(disks[i]!)));
    out.putRegion(info(region(1, 0, 0, [1, 2, 3]), { approximateBytes: 10 * 1024 ** 2 }));
    return out;
  }
  const plan = (of: MockView): unknown => balanceRegion(of, new Prng(1), mockConfig);

  it('moves away from a store that is low on space, though it has no more data than the target', () => {
    expect(plan(view([40, 40, 40, 40], [50, 50, 50, 50]))).toBeUndefined();
    expect(plan(view([40, 40, 40, 40], [50, 10, 50, 50]))).toMatchObject({ from: 2, to: 4 });
  });

  it('does not move to a store that would soon be low itself', () => {
    expect(plan(view([40, 40, 40, 40], [50, 10, 50, 25]))).toBeUndefined();
    expect(plan(view([90, 90, 90, 31], [50, 50, 50, 10]))).toBeUndefined();
  });

  it('leaves a store that stays low on space half of what the target has', () => {
    expect(plan(view([40, 40, 40, 77], [50, 10, 50, 50]))).toMatchObject({ from: 2, to: 4 });
    expect(plan(view([40, 40, 40, 78], [50, 10, 50, 50]))).toBeUndefined();
  });
});
