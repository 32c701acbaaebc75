import { compareBytes, type KvReader, limits } from '@tinykv/base';
import { type ApiMode, locationOfDataKey, type Region, regionRanges } from '@tinykv/model';

/** What a scan of a Region's data found. */
export interface RegionSize {
  readonly bytes: number;
  readonly keys: number;
  /** Location keys that cut the Region into pieces of about the wanted size; none when it is small. */
  readonly splitKeys: readonly Uint8Array[];
}

/** A stretch of one family's data that begins at `key`. */
interface Bucket {
  readonly key: Uint8Array;
  readonly bytes: number;
}

/** Buckets per piece: how closely pieces meet the wanted size. */
const BUCKETS_PER_PIECE = 16;

/** Waits between two pages of a long scan; false when nobody wants its result any more. */
export type ScanPace = () => Promise<boolean>;

const AT_ONCE: ScanPace = () => Promise.resolve(true);

/**
 * Measures a Region and finds where to cut it once it is larger than `maxBytes`: at the location keys
 * of records, so that no key is ever cut in two. Reads a frozen view in pages, at the given pace.
 * Undefined when the pace gave it up.
 */
export async function measureRegion(
  view: KvReader,
  api: ApiMode,
  region: Region,
  maxBytes: number,
  splitBytes: number,
  pace: ScanPace = AT_ONCE,
): Promise<RegionSize | undefined> {
  const buckets: Bucket[] = [];
  let pages = 0;
  let keys = 0;
  let bytes = 0;
  for (const { start, end } of regionRanges(api, region.range)) {
    const iterator = view.iterator({ start, end });
    let bucketKey: Uint8Array | undefined;
    let bucketBytes = 0;
    try {
      for (;;) {
        const page = await iterator.next(limits.rangeStepKeys);
        if (page.length === 0) break;
        if (++pages > 1 && !(await pace())) return undefined;
        keys += page.length;
        for (const [key, value] of page) {
          bucketKey ??= locationOfDataKey(api, key).slice();
          bucketBytes += key.length + value.length;
          if (bucketBytes < splitBytes / BUCKETS_PER_PIECE) continue;
          buckets.push({ key: bucketKey, bytes: bucketBytes });
          bytes += bucketBytes;
          bucketKey = undefined;
          bucketBytes = 0;
        }
      }
    } finally {
      await iterator.close();
    }
    if (bucketKey !== undefined) buckets.push({ key: bucketKey, bytes: bucketBytes });
    bytes += bucketBytes;
  }
  const splitKeys = bytes > maxBytes ? cut(region, buckets, splitBytes, bytes) : [];
  return { bytes, keys, splitKeys };
}

/** Keys at which the running size passes a piece; what is left at the end is no smaller than half a piece. */
function cut(region: Region, buckets: Bucket[], splitBytes: number, total: number): Uint8Array[] {
  buckets.sort((a, b) => compareBytes(a.key, b.key));
  const out: Uint8Array[] = [];
  let piece = 0;
  let left = total;
  let last = region.range.start;
  for (const { key, bytes } of buckets) {
    const enough = piece >= splitBytes && left >= splitBytes / 2;
    if (enough && compareBytes(key, last) > 0) {
      out.push(key);
      last = key;
      piece = 0;
    }
    piece += bytes;
    left -= bytes;
  }
  return out;
}
