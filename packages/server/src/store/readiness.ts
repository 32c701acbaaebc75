import type { RegionStatus } from '@tinykv/raftstore';

/**
 * Why a store does no work, or undefined. One without peers is ready to be given some; one of whose peers any still
 * votes or serves does a part of its work.
 */
export function whyStoreNotReady(regions: readonly RegionStatus[]): string | undefined {
  if (regions.length === 0 || regions.some(({ role }) => role !== 'Damaged')) return undefined;
  return `all peers of this store are damaged and wait to be replaced: ${regions.length}`;
}
