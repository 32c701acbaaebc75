import { fromUtf8, Prng, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import type { DataSegment } from './data-segment.js';
import { HintWriter } from './hint-format.js';
import type { PackedRecords } from './packed-records.js';
import { MERGE_RECORDS, mergeRuns, type RecordRun, RUN_RECORDS, runsOf } from './record-merge.js';

interface Recorded {
  readonly key: string;
  readonly isDelete: boolean;
}

function packed(records: readonly Recorded[]): PackedRecords {
  const hint = new HintWriter();
  let offset = 24;
  for (const { key, isDelete } of records) {
    hint.add({ key: utf8(key), isDelete, offset, bytes: 10 });
    offset += 13;
  }
  return hint.records();
}

/** The records that a start finds in segments, and how often it rests. */
async function merged(segments: readonly (readonly Recorded[])[]) {
  let rests = 0;
  const rest = async (): Promise<void> => void rests++;
  const runs: RecordRun[] = [];
  for (const [i, records] of segments.entries()) {
    const segment = { number: i + 1 } as DataSegment;
    for await (const run of runsOf(segment, packed(records), runs.length, rest)) runs.push(run);
  }
  const sortRests = rests;
  const found: string[] = [];
  await mergeRuns(
    runs,
    (key, { segment, offset }) => found.push(`${fromUtf8(key)} ${segment.number}@${offset}`),
    rest,
  );
  return { found, runs, sortRests, mergeRests: rests - sortRests };
}

const put = (key: string): Recorded => ({ key, isDelete: false });
const del = (key: string): Recorded => ({ key, isDelete: true });

describe('the records of a start', () => {
  it('are those of the newest segment, and of that the last', async () => {
    const { found } = await merged([
      [put('b'), put('a'), put('b'), put('old')],
      [put('b'), del('b'), put('c'), del('old'), del('never')],
      [put('old'), put('a'), put('a')],
    ]);
    expect(found).toEqual(['a 3@50', 'c 2@50', 'old 3@24']);
  });

  it('agree with a plain map for any history', async () => {
    const rng = new Prng(3);
    for (let round = 0; round < 60; round++) {
      const segments: Recorded[][] = [];
      const model = new Map<string, string>();
      for (let s = 0; s < rng.int(1, 9); s++) {
        const records: Recorded[] = [];
        for (let i = 0; i < rng.int(0, 40); i++) {
          const record = { key: `k${rng.int(0, 30)}`, isDelete: rng.int(0, 3) === 0 };
          if (record.isDelete) model.delete(record.key);
          else model.set(record.key, `${s + 1}@${24 + 13 * records.length}`);
          records.push(record);
        }
        segments.push(records);
      }
      const expected = [...model].map(([key, at]) => `${key} ${at}`);
      const order = (a: string, b: string) => (a.split(' ')[0]! < b.split(' ')[0]! ? -1 : 1);
      expect((await merged(segments)).found).toEqual(expected.sort(order));
    }
  });

  it('are sorted and merged in short stretches; garbage takes a place only while it is sorted', async () => {
    const records: Recorded[] = [];
    const count = 2 * RUN_RECORDS + 100;
    // Each key twice, or three times.
    for (let i = 0; i < count; i++) records.push(put(`k${i % 30_000}`));
    const { found, runs, sortRests, mergeRests } = await merged([records, [put('k1')]]);
    expect(found).toHaveLength(30_000);
    expect(runs.map(({ length }) => length)).toEqual([30_000, 30_000, 100, 1]);
    expect(sortRests).toBe(4);
    expect(mergeRests).toBe(Math.floor(60_101 / MERGE_RECORDS));
    expect(found.filter((line) => line.startsWith('k1 '))).toEqual(['k1 2@24']);
  });
});
