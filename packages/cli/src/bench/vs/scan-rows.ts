import type { Row } from './row.js';

export type ScanRowName = 'scan' | 'scan-keys-only' | 'scan-reverse';

/** Pairs that one operation reads; `--keys` and `--value` do not change them. */
export const SCAN_PAIRS = 200_000;
export const SCAN_VALUE_BYTES = 100;

export interface ScanRow extends Row {
  readonly keyOnly: boolean;
  readonly reverse: boolean;
  /** Pairs of one Range of etcd. It reads and sorts the whole range for each when it goes downwards, so there few are kinder. */
  readonly etcdPagePairs: number;
}

const scan = {
  peer: 'etcd',
  measure: 'throughput',
  clients: 1,
  // A scan counts as so many operations: rates are of pairs.
  depth: SCAN_PAIRS,
  keyOnly: false,
  reverse: false,
  etcdPagePairs: 10_000,
} as const;

/** In the order of the report. */
export const SCAN_ROWS: Readonly<Record<ScanRowName, ScanRow>> = {
  scan: {
    ...scan,
    ours: 'snapshot scan of 200,000 pairs of 100 bytes, pair by pair; rates are of pairs',
    theirs: 'Range at one revision, 10,000 pairs a page',
  },
  'scan-keys-only': {
    ...scan,
    keyOnly: true,
    ours: 'the same for the keys alone',
    theirs: 'Range with keys_only, 10,000 a page',
  },
  'scan-reverse': {
    ...scan,
    reverse: true,
    etcdPagePairs: 50_000,
    ours: 'the same downwards',
    theirs: 'Range in descending order, 50,000 pairs a page',
  },
};

export function isScanRow(name: string): name is ScanRowName {
  return Object.hasOwn(SCAN_ROWS, name);
}
