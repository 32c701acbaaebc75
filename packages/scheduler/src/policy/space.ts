import type { PolicyConfig, RegionInfo, StoreView } from './view.js';

/** With fewer Regions and more room than this a store is not low on space, however much of its disk others use. */
const FEW_REGIONS = 30;
const AMPLE_BYTES = 8 * 1024 ** 3;

/** Stores that do not say how large their disk is, as TinyKV's in its tests, have room. */
function availableShare({ space }: StoreView): number {
  return space === undefined ? 1 : space.availableBytes / space.capacityBytes;
}

/** It ought to give Regions away, and takes none for the sake of balance. */
export function isLowOnSpace(store: StoreView, config: PolicyConfig): boolean {
  const { space, regionCount } = store;
  if (space === undefined) return false;
  if (regionCount < FEW_REGIONS && space.availableBytes > AMPLE_BYTES) return false;
  return availableShare(store) < 1 - config.lowSpaceRatio;
}

/** It may take Regions of a store that is low on space, and will not soon be low itself. */
export function hasAmpleSpace(store: StoreView, config: PolicyConfig): boolean {
  return !isLowOnSpace(store, config) && availableShare(store) > 1 - config.highSpaceRatio;
}

/** The Region fits, and leaves what a store needs to go on. */
export function hasRoomFor(store: StoreView, region: RegionInfo, config: PolicyConfig): boolean {
  const { space } = store;
  if (space === undefined) return true;
  return space.availableBytes - region.approximateBytes >= config.spaceFloorBytes;
}
