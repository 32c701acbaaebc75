import {
  CodecError,
  type Env,
  type FileReader,
  type Fs,
  type KvEngine,
  KvError,
} from '@tinykv/base';
import { type ApiMode, applyStateKey, type KeyRange } from '@tinykv/model';
import { encodeApplyState } from './local-state.js';
import { PART_PREFIX_BYTES, partLength, SnapshotChecker } from './snapshot-format.js';
import { wipeRange } from './wipe.js';

/**
 * Replaces the data of the ranges by that of a snapshot file, in bounded batches, and ends with a
 * barrier. May be run again from the start after a crash at any point: the file stays until the
 * Region's state says Normal again. Whoever calls has seen that the file is whole.
 */
export async function installSnapshotData(
  engine: KvEngine,
  { fs, faults }: Pick<Env, 'fs' | 'faults'>,
  api: ApiMode,
  file: string,
  wipe: readonly KeyRange[],
): Promise<void> {
  for (const range of wipe) await wipeRange(engine, api, range);
  faults.hit('snapshot-range-wiped');
  await forEachPart(fs, file, async (part) => {
    if (part.kind === 'header') {
      const metadata = part.envelope.message?.snapshot?.metadata;
      if (metadata === undefined) throw new CodecError('snapshot header without metadata');
      const batch = engine.batch();
      batch.put(applyStateKey(part.envelope.regionId), encodeApplyState(metadata));
      await engine.write(batch, { sync: false });
    } else if (part.kind === 'pairs') {
      const batch = engine.batch();
      for (const [key, value] of part.pairs) batch.put(key, value);
      await engine.write(batch, { sync: false });
    }
  });
  faults.hit('snapshot-data-before-barrier');
  await engine.barrier();
}

/** Reads all of a snapshot file back: what is wrong with it, or undefined. */
export async function problemOfFile(fs: Fs, file: string): Promise<string | undefined> {
  try {
    await forEachPart(fs, file, () => Promise.resolve());
    return undefined;
  } catch (error) {
    const isAnswer = error instanceof KvError && ['DATA_LOSS', 'NOT_FOUND'].includes(error.code);
    if (!isAnswer) throw error;
    return error.message;
  }
}

type Part = ReturnType<SnapshotChecker['add']>;

/** Reads and verifies the file part by part. Rejects with DATA_LOSS when it is damaged or incomplete. */
async function forEachPart(fs: Fs, file: string, fn: (part: Part) => Promise<void>): Promise<void> {
  const reader = await fs.openRead(file);
  try {
    const checker = new SnapshotChecker();
    let offset = 0;
    while (offset < reader.size) {
      const part = await readPart(reader, offset);
      offset += part.length;
      await fn(checker.add(part));
    }
    if (!checker.ended) throw new CodecError('snapshot file ends too early');
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new KvError('DATA_LOSS', `snapshot ${file}: ${error.message}`, { cause: error });
  } finally {
    await reader.close();
  }
}

async function readPart(reader: FileReader, offset: number): Promise<Uint8Array> {
  const prefix = await reader.read(offset, PART_PREFIX_BYTES);
  if (prefix.length < PART_PREFIX_BYTES) throw new CodecError('snapshot file ends in a prefix');
  const length = PART_PREFIX_BYTES + partLength(prefix);
  const part = await reader.read(offset, length);
  if (part.length < length) throw new CodecError('snapshot file ends in a part');
  return part;
}
