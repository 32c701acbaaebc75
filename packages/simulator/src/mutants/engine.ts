import type { Mutant } from './mutant.js';

export const engineMutants: readonly Mutant[] = [
  {
    name: 'engine-hint-checksum-unchecked',
    edits: [
      {
        file: 'packages/engine/src/log-engine/hint-format.ts',
        find: `  if (new ByteReader(bytes.subarray(end)).u32() !== crc32(bytes.subarray(0, end))) return undefined;
`,
        replace: '',
      },
    ],
    breaks:
      'A hint is believed whatever its checksum says: a power cut that tears it makes keys absent, or points them to nothing.',
  },
  {
    name: 'engine-compaction-copies-replaced-records',
    edits: [
      {
        file: 'packages/engine/src/log-engine/compactor.ts',
        find: '        if (place?.segment !== oldest || place.offset !== from + start) continue;',
        replace: '        if (place?.segment !== oldest) continue;',
      },
    ],
    breaks:
      'Compaction writes a record again that a newer one of the same segment has replaced: the key goes back to its former value.',
  },
  {
    name: 'engine-segment-dropped-before-sync',
    edits: [
      {
        file: 'packages/engine/src/log-engine/segment-set.ts',
        find: `    this.#dropped = oldest.number;
    await this.active.sync();
`,
        replace: `    this.#dropped = oldest.number;
`,
      },
    ],
    breaks:
      'A segment is removed before the copies of its live records are durable: a power cut loses records that a barrier had covered long ago.',
  },
  {
    name: 'engine-torn-tail-kept',
    edits: [
      {
        file: 'packages/engine/src/log-engine/recovery.ts',
        find: `  if (newest.end < last.end) last.cut(newest.end);
`,
        replace: '',
      },
    ],
    breaks:
      'The pieces that a power cut left at the end of the log stay: what is written behind them is not found at the next start.',
  },
  {
    name: 'engine-failed-write-left-behind',
    edits: [
      {
        file: 'packages/engine/src/log-engine/data-segment.ts',
        find: `      this.#takeBack(at);
`,
        replace: '',
      },
    ],
    breaks:
      'The bytes of a write that found the disk full stay behind the last batch: a segment with more than frames passes for damaged.',
  },
  {
    name: 'engine-frame-body-unchecked',
    edits: [
      {
        file: 'packages/engine/src/frame-format.ts',
        find: '  if (end > bytes.length || crc32(bytes.subarray(start, end)) !== header.bodyCrc) return undefined;',
        replace: '  if (end > bytes.length) return undefined;',
      },
    ],
    breaks:
      'A frame is believed for its header alone: a batch, or an append to the Raft log, of which a power cut left some sectors counts as whole.',
  },
  {
    name: 'engine-deletion-lost-in-hint',
    edits: [
      {
        file: 'packages/engine/src/log-engine/hint-format.ts',
        find: '    this.#w.varint(key.length * 2 + (isDelete ? 1 : 0));',
        replace: `    void isDelete;
    this.#w.varint(key.length * 2);`,
      },
    ],
    breaks: 'A hint has deletions as values: deleted keys are there again after a start.',
  },
  {
    name: 'engine-older-record-wins-at-start',
    edits: [
      {
        file: 'packages/engine/src/log-engine/record-merge.ts',
        find: '    order.sort((a, b) => records.compare(a, records, b) || b - a);',
        replace: '    order.sort((a, b) => records.compare(a, records, b) || a - b);',
      },
    ],
    breaks:
      'Of the records of a key in one segment a start takes the oldest: what was overwritten or deleted comes back.',
  },
  {
    name: 'engine-barrier-skips-rotated-logs',
    edits: [
      {
        file: 'packages/engine/src/log-syncer.ts',
        find: "    const logs = new Set(names.filter((name) => name.endsWith('.log')));",
        replace:
          "    const logs = new Set(names.filter((name) => name.endsWith('.log')).sort().slice(-1));",
      },
    ],
    breaks:
      'A barrier syncs the newest log of LevelDB alone: batches in a log that was rotated since the last barrier, and has no table yet, are lost at a power cut.',
  },
  {
    name: 'engine-known-logs-synced-once',
    edits: [
      {
        file: 'packages/engine/src/log-syncer.ts',
        find: `      ...[...this.#files.values()].map((file) => file.sync()),
`,
        replace: '',
      },
    ],
    breaks:
      'A barrier syncs a log of LevelDB once, when it is new: what is appended later is durable only when its table is.',
  },
  {
    name: 'engine-segment-header-written-apart',
    edits: [
      {
        file: 'packages/engine/src/segment-log/segment.ts',
        find: '      file.write(0, concatBytes(encodeSegmentHeader(header), frame));',
        replace: `      file.write(0, encodeSegmentHeader(header));
      file.write(SEGMENT_HEADER_BYTES, concatBytes(frame));`,
      },
    ],
    breaks:
      'The first append to a segment is two writes: a power cut that keeps the frame alone leaves a log that passes for damaged, and its store does not start.',
    workload: 'churn',
  },
];
