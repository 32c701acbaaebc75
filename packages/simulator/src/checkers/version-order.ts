import type { Findings } from './findings.js';

/** The newest version of a key, as an entry of a Region's log leaves it. */
export interface NewestVersion {
  /** The key, with the Region's version in which the entry was decided: an entry of an older one is refused at its apply. */
  readonly key: string;
  /** The transaction whose entry it is. */
  readonly by: bigint;
  readonly startTs: bigint;
  readonly commitTs: bigint;
}

interface Placed extends NewestVersion {
  readonly index: number;
}

/**
 * Compares the versions of each key in the order in which their Region has committed them: each commits above the one that it
 * replaces, and whoever writes the record of the newest one again for another reason knows it (Percolator §2.2).
 */
export class VersionOrder {
  readonly #findings: Findings;
  readonly #newest = new Map<string, Placed[]>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** An index is added once; those that others knew of first may come before. */
  add(region: number, index: number, versions: readonly NewestVersion[]): void {
    for (const version of versions) {
      const placed = { ...version, index };
      const all = this.#newest.get(version.key) ?? [];
      this.#newest.set(version.key, all);
      let at = all.length;
      while (at > 0 && all[at - 1]!.index > index) at--;
      all.splice(at, 0, placed);
      this.#compare(region, all[at - 1], placed);
      this.#compare(region, placed, all[at + 1]);
    }
  }

  #compare(region: number, former: Placed | undefined, later: Placed | undefined): void {
    if (former === undefined || later === undefined) return;
    const isSame = former.startTs === later.startTs && former.commitTs === later.commitTs;
    if (isSame || former.commitTs < later.commitTs) return;
    const text = `region ${region} has a version of a key that is not above the one before`;
    this.#findings.add('version order', text, [describe(former), describe(later)]);
  }
}

function describe({ key, index, by, startTs, commitTs }: Placed): string {
  return `index ${index}, transaction ${by}: ${key} has version ${commitTs} of transaction ${startTs}`;
}
