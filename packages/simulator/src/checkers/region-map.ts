import { compareBytes, describeBytes } from '@tinykv/base';
import {
  compareEnds,
  describeRegion,
  equalEpochs,
  equalPeers,
  isEpochStale,
  type Region,
  rangesOverlap,
} from '@tinykv/model';
import { Findings } from './findings.js';
import type { Violation } from './history.js';

/**
 * Watches Regions as their replicas show them. A Region goes from epoch to epoch in one order on all
 * replicas, and an epoch says all of it: range and peers. `conf_ver` grows with each change of a peer,
 * `version` with each split, which takes the upper part of the range away; a replica never goes back.
 * Regions that share a version share no key.
 */
export class RegionHistory {
  readonly #findings = new Findings('regions');
  /** By Region: all states that were seen, older epochs first. */
  readonly #states = new Map<number, Region[]>();
  /** By version: one state of each Region that was seen with it; they have the same range. */
  readonly #byVersion = new Map<number, Map<number, Region>>();
  readonly #newest = new Map<string, Region>();

  violations(): Violation[] {
    return this.#findings.violations();
  }

  /** `replica` is one that must not forget: a store, whatever process runs on it. */
  observe(region: Region, replica: string): void {
    if (region.peers.length === 0) return;
    const name = `${region.id} on ${replica}`;
    const last = this.#newest.get(name);
    if (last === region) return;
    this.#newest.set(name, region);
    if (last !== undefined && isEpochStale(region.epoch, last.epoch)) {
      this.#add('epoch', `region ${name} went back`, last, region);
    }
    this.#insert(region);
  }

  #insert(region: Region): void {
    const states = this.#states.get(region.id) ?? [];
    this.#states.set(region.id, states);
    const at = states.findLastIndex((state) => !isEpochStale(region.epoch, state.epoch));
    const before = states[at];
    if (before !== undefined && equalEpochs(before.epoch, region.epoch)) {
      if (!isSame(before, region)) {
        this.#add('epoch', `region ${region.id} was seen in two states`, before, region);
      }
      return;
    }
    const after = states[at + 1];
    if (before !== undefined) this.#checkStep(before, region);
    if (after !== undefined) this.#checkStep(region, after);
    states.splice(at + 1, 0, region);
    this.#checkVersion(region);
  }

  #checkStep(before: Region, after: Region): void {
    const { id } = before;
    if (isEpochStale(after.epoch, before.epoch)) {
      this.#add('epoch', `region ${id} took two ways`, before, after);
      return;
    }
    const changes = after.epoch.confVer - before.epoch.confVer;
    const changed = countChanges(before, after);
    if (changed > changes || (changes === 1 && changed === 0)) {
      const text = `region ${id} changed ${changed} peers while conf_ver grew by ${changes}`;
      this.#add('peers', text, before, after);
    }
    const splits = after.epoch.version - before.epoch.version;
    const hasShrunk = compareEnds(after.range.end, before.range.end) < 0;
    const isSameEnd = compareEnds(after.range.end, before.range.end) === 0;
    const isSameStart = compareBytes(after.range.start, before.range.start) === 0;
    if (!isSameStart || (splits > 0 ? !hasShrunk : !isSameEnd)) {
      const text = `the range of region ${id} changed otherwise than by its ${splits} splits`;
      this.#add('range', text, before, after);
    }
  }

  #checkVersion(region: Region): void {
    const { version } = region.epoch;
    const regions = this.#byVersion.get(version) ?? new Map<number, Region>();
    this.#byVersion.set(version, regions);
    if (regions.has(region.id)) return;
    for (const other of regions.values()) {
      if (!rangesOverlap(other.range, region.range)) continue;
      const text = `regions ${other.id} and ${region.id} overlap in one version`;
      this.#add('overlap', text, other, region);
    }
    regions.set(region.id, region);
  }

  #add(kind: string, text: string, before: Region, after: Region): void {
    this.#findings.add(kind, text, [describeRegion(before), describeRegion(after)]);
  }
}

/** Where the Regions, each given once, leave a gap or overlap; undefined when they cover all keys. */
export function describeGap(regions: readonly Region[]): string | undefined {
  const sorted = [...regions].sort((a, b) => compareBytes(a.range.start, b.range.start));
  let end: Uint8Array | undefined = new Uint8Array(0);
  for (const region of sorted) {
    const { start } = region.range;
    const order = end === undefined ? -1 : compareBytes(start, end);
    if (order > 0)
      return `no region holds ${describeBytes(end!)}, the next is ${describeRegion(region)}`;
    if (order < 0) return `${describeRegion(region)} overlaps the one before it`;
    end = region.range.end.length === 0 ? undefined : region.range.end;
  }
  return end === undefined ? undefined : `no region holds ${describeBytes(end)}`;
}

function isSame(a: Region, b: Region): boolean {
  return (
    compareBytes(a.range.start, b.range.start) === 0 &&
    compareEnds(a.range.end, b.range.end) === 0 &&
    countChanges(a, b) === 0
  );
}

/** How many peers came, went or were promoted. */
function countChanges(before: Region, after: Region): number {
  const isNew = after.peers.filter((peer) => !before.peers.some(({ id }) => id === peer.id));
  const isGone = before.peers.filter((peer) => !after.peers.some(({ id }) => id === peer.id));
  const isOther = after.peers.filter((peer) =>
    before.peers.some((known) => known.id === peer.id && !equalPeers(known, peer)),
  );
  return isNew.length + isGone.length + isOther.length;
}
