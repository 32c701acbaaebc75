import type { Mutant } from './mutant.js';

/** Rules of scans: what a store decides in place, where an answer ends, what a client reads ahead. */
export const scanMutants: readonly Mutant[] = [
  {
    name: 'model-scan-compares-halves-of-timestamps',
    edits: [
      {
        file: 'packages/model/src/newest-view.ts',
        find: '    return this.#commitHigh > high || (this.#commitHigh === high && this.#commitLow > low);',
        replace: '    return this.#commitHigh > high;',
      },
    ],
    breaks:
      'A scan sees versions that were committed after its timestamp when the upper halves of both are the same: snapshots are not repeatable.',
    workload: 'txn',
  },
  {
    name: 'txn-scan-skips-displaced-versions',
    edits: [
      {
        file: 'packages/txn/src/mvcc/scan.ts',
        find: '    if (!isAfter && !record.isPut) return undefined;',
        replace: '    if (isAfter || !record.isPut) return undefined;',
      },
    ],
    breaks:
      'A scan takes a key that was overwritten after its timestamp for one that does not exist: snapshots miss keys.',
    workload: 'txn',
  },
  {
    name: 'txn-scan-ignores-locks-of-written-keys',
    edits: [
      {
        file: 'packages/txn/src/mvcc/scan.ts',
        find: '    if (order > 0) return this.#readUnlocked(newest!);',
        replace: '    if (order >= 0) return this.#readUnlocked(newest!);',
      },
    ],
    breaks:
      'A scan reads past the lock of a key that has a version: a commit below its timestamp that comes later is missed.',
    workload: 'txn',
  },
  {
    name: 'client-scan-takes-bytes-for-the-end',
    edits: [
      {
        file: 'packages/client/src/range-scan.ts',
        find: '  return { pairs, last: rest.hasMore || count >= limit ? last : undefined };',
        replace: '  return { pairs, last: count >= limit ? last : undefined };',
      },
    ],
    breaks:
      'An answer that ended at its bytes counts as the end of the Region: a scan misses all behind it.',
    workload: 'txn',
  },
  {
    name: 'client-scan-parts-overlap',
    edits: [
      {
        file: 'packages/client/src/range-scan.ts',
        find: '    this.#rest = own;',
        replace: '    if (this.#reverse) this.#rest = own;',
      },
    ],
    breaks:
      'A scan upwards that reads ahead in the next Region goes on into it as well: it gives pairs twice, out of order.',
    workload: 'txn',
  },
];
