import {
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { EMPTY_BYTES, KvError, utf8 } from '@tinykv/base';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scratchRoot } from '../conformance/scratch.js';
import { LevelEngine } from '../level-engine.js';
import { LevelRaftLog } from '../raft-log/level-raft-log.js';
import { checkFolder } from './folder-check.js';
import { checkLog } from './log-check.js';
import { BLOCK_BYTES, HEADER_BYTES } from './log-format.js';

/** What LevelDB adds to a value of 128 to 16,383 bytes under a key of four: header, batch, lengths. */
const RECORD_OVERHEAD = HEADER_BYTES + 12 + 1 + 1 + 4 + 2;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(scratchRoot, 'tinykv-check-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const key = (i: number): Uint8Array => utf8(String(i).padStart(4, '0'));
const value = (i: number, bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, at) => 1 + ((i * 31 + at * 7) % 255));

/** Writes one batch per value and leaves the folder as a killed process does. */
async function crashed(valueBytes: readonly number[]): Promise<string> {
  const open = mkdtempSync(join(folder, 'open-'));
  const engine = await LevelEngine.open(open);
  for (const [i, bytes] of valueBytes.entries()) {
    const batch = engine.batch();
    batch.put(key(i), value(i, bytes));
    await engine.write(batch, { sync: false });
  }
  const copy = mkdtempSync(join(folder, 'crashed-'));
  cpSync(open, copy, { recursive: true });
  await engine.close();
  return copy;
}

function fileOf(path: string, pattern: RegExp): string {
  const names = readdirSync(path).filter((name) => pattern.test(name));
  expect(names).toHaveLength(1);
  return join(path, names[0]!);
}

const logOf = (path: string): string => fileOf(path, /\.log$/);

/** How many of the values are there; throws when one is wrong, or missing before one that is there. */
async function countValues(path: string, valueBytes: readonly number[]): Promise<number> {
  const copy = mkdtempSync(join(folder, 'opened-'));
  cpSync(path, copy, { recursive: true });
  const engine = await LevelEngine.open(copy);
  const found = valueBytes.map((_, i) => engine.get(key(i)));
  await engine.close();
  rmSync(copy, { recursive: true });
  const count = found.indexOf(undefined);
  const length = count === -1 ? found.length : count;
  for (const [i, each] of found.entries()) {
    const wanted = i < length ? value(i, valueBytes[i]!) : undefined;
    expect(each === undefined ? undefined : [...each]).toEqual(wanted && [...wanted]);
  }
  return length;
}

type Outcome = 'clean' | 'torn' | 'damaged';

function outcomeOf(file: string, everyRecordSynced = true): Outcome {
  try {
    return checkLog(file, { everyRecordSynced }).tornAt === undefined ? 'clean' : 'torn';
  } catch (error) {
    if (error instanceof KvError && error.code === 'DATA_LOSS') return 'damaged';
    throw error;
  }
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const out = Uint8Array.from(bytes);
  out[bit >> 3]! ^= 1 << (bit & 7);
  return out;
}

/** Flips each bit of a file in place, in turn. */
async function withEachBit(
  file: string,
  look: (bit: number) => void | Promise<void>,
): Promise<void> {
  const bytes = readFileSync(file);
  const fd = openSync(file, 'r+');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const at = bit >> 3;
    writeSync(fd, Uint8Array.of(bytes[at]! ^ (1 << (bit & 7))), 0, 1, at);
    await look(bit);
    writeSync(fd, bytes, at, 1, at);
  }
  closeSync(fd);
}

/** Zeros where nothing was written; random bytes where something else was. */
function overwrite(bytes: Uint8Array, from: number, to: number, byte = 0): Uint8Array {
  return Uint8Array.from(bytes).fill(byte, from, to);
}

describe('a log of LevelDB', () => {
  const small = [10, 0, 130, 33, 1, 140];

  it('is clean when its writer was killed between two batches', async () => {
    const log = logOf(await crashed(small));
    const fragments: string[] = [];
    const verdict = checkLog(log, {
      everyRecordSynced: false,
      onFragment: (payload, isEnd) => fragments.push(`${payload.length} ${isEnd}`),
    });
    expect(verdict).toEqual({ records: small.length, tornAt: undefined });
    expect(fragments).toEqual(small.map((bytes) => `${18 + (bytes < 128 ? 1 : 2) + bytes} true`));
  });

  it('with any one bit flipped is damaged', async () => {
    const log = logOf(await crashed(small));
    await withEachBit(log, (bit) => {
      for (const synced of [true, false]) {
        expect(outcomeOf(log, synced), `bit ${bit}`).toBe('damaged');
      }
    });
  });

  it('says which bit', async () => {
    const path = await crashed(small);
    const log = logOf(path);
    const bytes = readFileSync(log);
    writeFileSync(log, flip(bytes, (bytes.length - 9) * 8 + 3));
    const last = bytes.length - 25 - 2 - 140;
    const where = `record at byte ${last}: bit 3 of byte ${bytes.length - 9} is flipped`;
    // Also when tried again: nothing has touched the folder.
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(LevelEngine.open(path)).rejects.toMatchObject({
        code: 'DATA_LOSS',
        message: `${log} is damaged: ${where} (see docs/errors.md)`,
      });
    }
  });

  it('cut at any byte is torn, and holds the batches before', async () => {
    const path = await crashed(small);
    const log = logOf(path);
    const bytes = readFileSync(log);
    const ends: number[] = [0];
    for (const size of small) ends.push(ends.at(-1)! + 25 + (size < 128 ? 1 : 2) + size);
    expect(ends.at(-1)).toBe(bytes.length);
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(log, bytes.subarray(0, length));
      const records = ends.filter((end) => end > 0 && end <= length).length;
      const tornAt = ends.includes(length) ? undefined : ends[records];
      expect(checkLog(log, { everyRecordSynced: true })).toEqual({ records, tornAt });
      if (length % 97 === 0) expect(await countValues(path, small)).toBe(records);
    }
  });

  it('with a flipped bit where LevelDB writes nothing loses nothing', async () => {
    // The first record leaves six bytes of its block.
    const sizes = [BLOCK_BYTES / 2, BLOCK_BYTES / 2 - 2 * RECORD_OVERHEAD - 1 - 6, 100, 20];
    const path = await crashed(sizes);
    const log = logOf(path);
    const bytes = readFileSync(log);
    expect(bytes.subarray(BLOCK_BYTES - 6, BLOCK_BYTES)).toEqual(Buffer.alloc(6));
    let harmless = 0;
    for (let bit = (BLOCK_BYTES - 40) * 8; bit < (BLOCK_BYTES + 40) * 8; bit++) {
      writeFileSync(log, flip(bytes, bit));
      const isTrailer = bit >= (BLOCK_BYTES - 6) * 8 && bit < BLOCK_BYTES * 8;
      expect(outcomeOf(log), `bit ${bit}`).toBe(isTrailer ? 'clean' : 'damaged');
      if (!isTrailer) continue;
      harmless++;
      if (bit % 5 === 0) expect(await countValues(path, sizes)).toBe(sizes.length);
    }
    expect(harmless).toBe(48);
  });

  it('of any batches: a flipped bit is damage, a cut end a crash', {
    timeout: 60_000,
  }, async () => {
    const sizes = fc.array(
      fc.oneof(fc.nat(300), fc.nat(3 * BLOCK_BYTES), fc.integer({ min: 32_600, max: 32_768 })),
      { minLength: 1, maxLength: 6 },
    );
    const places = fc.array(fc.nat(), { minLength: 20, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(sizes, places, async (valueBytes, seeds) => {
        const log = logOf(await crashed(valueBytes));
        const bytes = readFileSync(log);
        expect(checkLog(log, { everyRecordSynced: true }).records).toBe(valueBytes.length);
        for (const seed of seeds) {
          const bit = seed % (bytes.length * 8);
          writeFileSync(log, flip(bytes, bit));
          expect(outcomeOf(log) === 'damaged' || isTrailer(bytes, bit >> 3), `bit ${bit}`).toBe(
            true,
          );
          writeFileSync(log, bytes.subarray(0, seed % bytes.length));
          expect(outcomeOf(log), `cut at ${seed % bytes.length}`).not.toBe('damaged');
        }
      }),
      { numRuns: 40 },
    );
  });

  /** Whether a byte is among the last of its block, which no header fits and which are zero. */
  function isTrailer(bytes: Uint8Array, at: number): boolean {
    const end = Math.ceil((at + 1) / BLOCK_BYTES) * BLOCK_BYTES;
    return end - at <= 6 && bytes.subarray(at, end).every((byte) => byte === 0);
  }
});

describe('a log with a hole', () => {
  const sizes = Array.from({ length: 60 }, () => 1_000);
  const at = (i: number): number => i * (1_000 + RECORD_OVERHEAD);
  let log: string;
  let bytes: Buffer;
  beforeEach(async () => {
    log = logOf(await crashed(sizes));
    bytes = readFileSync(log);
  });
  const outcome = (harmed: Uint8Array): readonly Outcome[] => {
    writeFileSync(log, harmed);
    return [outcomeOf(log, false), outcomeOf(log, true)];
  };

  it('at its end is torn, however long it is', () => {
    for (const start of [1, 5_000, 4_096 * 7, BLOCK_BYTES, bytes.length - 9]) {
      expect(outcome(overwrite(bytes, start, bytes.length)), `${start}`).toEqual(['torn', 'torn']);
    }
    const grown = new Uint8Array(bytes.length + 100_000);
    grown.set(bytes);
    expect(outcome(grown)).toEqual(['torn', 'torn']);
  });

  it('in the middle is torn where batches are not synced, and damage where they are', () => {
    for (const start of [0, 4_096, 4_096 * 7, BLOCK_BYTES, 4_096 * 12]) {
      const harmed = overwrite(bytes, start, start + 4_096);
      expect(outcome(harmed), `${start}`).toEqual(['torn', 'damaged']);
    }
    // The page was written before, up to some byte.
    expect(outcome(overwrite(bytes, 4_096 * 3 - 100, 4_096 * 3))).toEqual(['torn', 'damaged']);
  });

  it('is damage when it was never empty', () => {
    expect(outcome(overwrite(bytes, 4_096, 8_192, 0xa5))).toEqual(['damaged', 'damaged']);
    expect(outcome(overwrite(bytes, at(3), at(4), 0xff))).toEqual(['damaged', 'damaged']);
    expect(outcome(overwrite(bytes, at(58) + 20, at(58) + 30, 3))).toEqual(['damaged', 'damaged']);
    // Two bits of the last record.
    const last = (at(59) + 500) * 8;
    expect(outcome(flip(flip(bytes, last), last + 13))).toEqual(['damaged', 'damaged']);
    // Whole blocks that change their places, or are gone.
    const twice = Buffer.concat([bytes.subarray(0, BLOCK_BYTES), bytes]);
    expect(outcome(twice)).toEqual(['damaged', 'damaged']);
  });

  it('may lie within the last batch even where batches are synced', async () => {
    log = logOf(await crashed([100, 100_000]));
    bytes = readFileSync(log);
    for (const page of [1, 7, 8, 9, 16, 20]) {
      const harmed = overwrite(bytes, page * 4_096, (page + 1) * 4_096);
      expect(outcome(harmed), `page ${page}`).toEqual(['torn', 'torn']);
    }
    const first = overwrite(bytes, 0, 4_096);
    expect(outcome(first)).toEqual(['torn', 'torn']);
    log = logOf(await crashed([100, 100_000, 10]));
    const harmed = overwrite(readFileSync(log), 4_096 * 9, 4_096 * 10);
    expect(outcome(harmed)).toEqual(['torn', 'damaged']);
  });

  it('does not take the bytes of a log within a value for what follows', async () => {
    const open = mkdtempSync(join(folder, 'open-'));
    const engine = await LevelEngine.open(open);
    const batch = engine.batch();
    batch.put(key(1), Buffer.concat([bytes.subarray(0, 20_000)]));
    await engine.write(batch, { sync: false });
    log = logOf(open);
    const whole = readFileSync(log);
    await engine.close();
    log = join(folder, 'copy.log');
    for (const length of [8, 2_000, 19_000]) {
      expect(outcome(whole.subarray(0, length)), `${length}`).toEqual(['torn', 'torn']);
    }
  });
});

describe('a folder of LevelDB', () => {
  const sizes = Array.from({ length: 12 }, (_, i) => 5 + (i % 9));

  /** With the batches in a table, and some more in a log. */
  async function folderWithTable(): Promise<string> {
    const first = await crashed(sizes.slice(0, 8));
    const engine = await LevelEngine.open(first);
    for (const [i, bytes] of sizes.entries()) {
      if (i < 8) continue;
      const batch = engine.batch();
      batch.put(key(i), value(i, bytes));
      await engine.write(batch, { sync: true });
    }
    const copy = mkdtempSync(join(folder, 'crashed-'));
    cpSync(first, copy, { recursive: true });
    await engine.close();
    expect(await countValues(copy, sizes)).toBe(sizes.length);
    return copy;
  }

  it.each([
    ['CURRENT', /^CURRENT$/],
    ['a MANIFEST', /^MANIFEST/],
    ['a table', /\.ldb$/],
    ['a log', /\.log$/],
  ])('with one bit of %s flipped stays closed or is whole', async (_, pattern) => {
    const path = await folderWithTable();
    const file = fileOf(path, pattern);
    const bytes = readFileSync(file);
    let harmless = 0;
    await withEachBit(file, async (bit) => {
      const error = await checkFolder(path, { everyBatchSynced: false }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error !== undefined) {
        expect(error).toMatchObject({ code: 'DATA_LOSS' });
        expect((error as Error).message).toContain(file);
        return;
      }
      // Only the zeros in the footer of a table say nothing.
      expect(Math.floor(bit / 8)).toBeGreaterThan(bytes.length - 48);
      expect(Math.floor(bit / 8)).toBeLessThan(bytes.length - 8);
      if (harmless++ % 16 === 0) expect(await countValues(path, sizes)).toBe(sizes.length);
    });
    expect(harmless > 0).toBe(pattern.source.includes('ldb'));
  });

  it.each([
    ['CURRENT', /^CURRENT$/, /CURRENT is damaged: it is missing, although there is a \d+\.ldb/],
    ['the MANIFEST', /^MANIFEST/, /CURRENT is damaged: it names MANIFEST-\d+, which is missing/],
    ['a table', /\.ldb$/, /MANIFEST-\d+ is damaged: it names table \d+, which is missing/],
    ['the log', /\.log$/, /MANIFEST-\d+ is damaged: it names log \d+, which is missing/],
  ])('without %s stays closed', async (_, pattern, message) => {
    const path = await folderWithTable();
    rmSync(fileOf(path, pattern));
    await expect(LevelEngine.open(path)).rejects.toMatchObject({
      code: 'DATA_LOSS',
      message: expect.stringMatching(message),
    });
  });

  it('whose MANIFEST has lost its last edit stays closed: the log of the edit before is gone', async () => {
    const path = await folderWithTable();
    const manifest = fileOf(path, /^MANIFEST/);
    const bytes = readFileSync(manifest);
    writeFileSync(manifest, bytes.subarray(0, bytes.length - 5));
    await expect(LevelEngine.open(path)).rejects.toMatchObject({ code: 'DATA_LOSS' });
  });

  it('may hold a log that is obsolete and torn', async () => {
    const path = await folderWithTable();
    const log = logOf(path);
    writeFileSync(join(path, '000001.log'), readFileSync(log).subarray(0, 100));
    writeFileSync(join(path, '000002.log'), flip(readFileSync(log), 90));
    expect(await countValues(path, sizes)).toBe(sizes.length);
  });

  it('is damaged when a synced log is torn and a newer one goes on', async () => {
    const path = await crashed(sizes);
    const log = logOf(path);
    const bytes = readFileSync(log);
    const newer = log.replace(/\d+\.log$/, '000999.log');
    writeFileSync(log, bytes.subarray(0, bytes.length - 5));
    writeFileSync(newer, '');
    await checkFolder(path, { everyBatchSynced: true });
    writeFileSync(newer, bytes);
    await checkFolder(path, { everyBatchSynced: false });
    await expect(checkFolder(path, { everyBatchSynced: true })).rejects.toMatchObject({
      code: 'DATA_LOSS',
      message: expect.stringMatching(/record at byte \d+: incomplete, and 000999.log goes on/),
    });
  });

  it('that is new, empty or unfinished is fine', async () => {
    const strict = { everyBatchSynced: true };
    await expect(checkFolder(join(folder, 'nothing'), strict)).resolves.toBeUndefined();
    await expect(checkFolder(folder, strict)).resolves.toBeUndefined();
    writeFileSync(join(folder, 'MANIFEST-000001'), '');
    await LevelEngine.open(folder).then((engine) => engine.close());
  });

  it('with tables of many blocks and long values is read as LevelDB does', async () => {
    const path = join(folder, 'long');
    const engine = await LevelEngine.open(path, { writeBufferBytes: 65_536 });
    for (let i = 0; i < 30; i++) {
      const batch = engine.batch();
      for (let k = 0; k < 50; k++) batch.put(key(i * 50 + k), value(k, 10 + (k % 7) * 300));
      batch.put(key(9_000 + i), new Uint8Array(i === 7 ? 3_000_000 : 10_000));
      await engine.write(batch, { sync: false });
    }
    await engine.close();
    await checkFolder(path, { everyBatchSynced: false });
    const again = await LevelEngine.open(path);
    expect(again.get(key(9_007))).toHaveLength(3_000_000);
    const entries = again.iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES });
    let count = 0;
    for (let page = await entries.next(2_000); page.length > 0; page = await entries.next(2_000)) {
      count += page.length;
    }
    expect(count).toBe(1_530);
    await entries.close();
    await again.close();
  });
});

describe('LevelRaftLog', () => {
  it('does not forget an acknowledged entry: a bit of its log flipped keeps it closed', async () => {
    const open = join(folder, 'raft');
    const log = new LevelRaftLog(open);
    await log.open();
    const entries = [1, 2, 3].map((index) => ({
      term: 1,
      index,
      type: 'EntryNormal' as const,
      data: new Uint8Array(20),
    }));
    for (const entry of entries) await log.append([{ group: 7, entries: [entry] }]);
    const copy = join(folder, 'crashed');
    cpSync(open, copy, { recursive: true });
    await log.close();
    const file = logOf(copy);
    const bytes = readFileSync(file);
    writeFileSync(file, flip(bytes, (bytes.length - 10) * 8));
    await expect(new LevelRaftLog(copy).open()).rejects.toMatchObject({
      code: 'DATA_LOSS',
      message: expect.stringMatching(/\.log is damaged: record at byte \d+: bit 0 of byte \d+ is/),
    });
    writeFileSync(file, bytes);
    const again = new LevelRaftLog(copy);
    expect(await again.open()).toMatchObject([{ group: 7, lastIndex: 3 }]);
    await again.close();
  });
});
