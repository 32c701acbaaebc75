import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ByteReader, CodecError, concatBytes } from '@tinykv/base';
import { damage } from '../damage.js';
import { checkLog } from './log-check.js';

/** Which files of a folder LevelDB will read. */
export interface Manifest {
  readonly file: string;
  /** Logs from this number on are not yet in tables. */
  readonly logNumber: number;
  /** Sizes by number. */
  readonly tables: ReadonlyMap<number, number>;
}

/**
 * What CURRENT and the MANIFEST that it names say; undefined for a folder without a database. LevelDB
 * would take a MANIFEST whose end is gone for an older one, and a folder without CURRENT for a new one
 * that it may clear.
 */
export function readManifest(folder: string): Manifest | undefined {
  const names = list(folder);
  if (names === undefined) return undefined;
  const current = join(folder, 'CURRENT');
  if (!names.includes('CURRENT')) {
    // A folder that was never finished has at most the first MANIFEST.
    const table = names.find((name) => /\.(ldb|sst)$/.test(name));
    if (table === undefined) return undefined;
    throw damage(current, `it is missing, although there is a ${table}`);
  }
  const name = readFileSync(current, 'latin1');
  if (!/^MANIFEST-\d+\n$/.test(name)) throw damage(current, 'it does not name a MANIFEST');
  const manifest = name.trimEnd();
  if (!names.includes(manifest)) throw damage(current, `it names ${manifest}, which is missing`);
  return readEdits(join(folder, manifest));
}

function list(folder: string): string[] | undefined {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // LevelDB reports better what it cannot make.
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function readEdits(file: string): Manifest {
  const state: State = { logNumber: undefined, tables: new Map() };
  let edit: Uint8Array[] = [];
  checkLog(file, {
    everyRecordSynced: true,
    onFragment: (payload, isEnd) => {
      edit.push(payload.slice());
      if (!isEnd) return;
      applyEdit(file, state, concatBytes(...edit));
      edit = [];
    },
  });
  const { logNumber, tables } = state;
  if (logNumber === undefined) throw damage(file, 'it does not say which logs are in use');
  return { file, logNumber, tables };
}

interface State {
  logNumber: number | undefined;
  readonly tables: Map<number, number>;
}

function applyEdit(file: string, state: State, edit: Uint8Array): void {
  const reader = new ByteReader(edit);
  try {
    while (reader.remaining > 0) applyField(state, reader);
  } catch (error) {
    if (error instanceof CodecError) throw damage(file, 'unknown edit', error);
    throw error;
  }
}

/** The tags of LevelDB's version edits; 8 is out of use. */
const FIELD = {
  comparator: 1,
  logNumber: 2,
  nextFileNumber: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLogNumber: 9,
} as const;

function applyField(state: State, reader: ByteReader): void {
  const field = reader.varint();
  switch (field) {
    case FIELD.comparator:
      reader.bytes();
      return;
    case FIELD.logNumber:
      state.logNumber = reader.varint();
      return;
    case FIELD.nextFileNumber:
    case FIELD.lastSequence:
    case FIELD.previousLogNumber:
      reader.varint();
      return;
    case FIELD.compactPointer:
      reader.varint();
      reader.bytes();
      return;
    case FIELD.deletedFile:
      reader.varint();
      state.tables.delete(reader.varint());
      return;
    case FIELD.newFile: {
      reader.varint();
      const number = reader.varint();
      state.tables.set(number, reader.varint());
      reader.bytes();
      reader.bytes();
      return;
    }
    default:
      throw new CodecError(`field ${field}`);
  }
}
