import { mkdirSync, readdirSync } from 'node:fs';
import { errorMessage, type Fs } from '@tinykv/base';
import { EXIT } from './config/command-line.js';
import { lockFolder } from './process-lock.js';
import { StartError } from './start-error.js';

/** Raised with every change of the layout on disk that an older build cannot read. */
const FORMAT_VERSION = 1;
const FORMAT_FILE = 'FORMAT';

export type FolderKind = 'store' | 'scheduler';

interface FormatRecord {
  readonly format: number;
  readonly kind: FolderKind;
  /** 0 until the cluster is known. */
  readonly clusterId: number;
}

export interface DataFolder {
  readonly path: string;
  /** 0 while the folder belongs to no cluster yet. */
  readonly clusterId: number;
  /** Writes down the cluster at the first start; throws StartError when the folder belongs to another. */
  bindCluster(clusterId: number): Promise<void>;
  release(): void;
}

/**
 * Takes a data folder for this process. Refuses with one clear line: a folder in use, of an unknown
 * format, of another kind of process, or one that holds something else.
 */
export async function openDataFolder(
  path: string,
  kind: FolderKind,
  openFs: (path: string) => Fs,
): Promise<DataFolder> {
  const strangers = makeFolder(path);
  const release = lockFolder(path);
  try {
    const fs = openFs(path);
    const found = await readFormat(fs, path);
    if (found === undefined && strangers.length > 0) {
      throw new StartError(
        `${path} is not empty and was not made by ${kind}: it holds ${strangers.slice(0, 3).join(', ')}`,
        EXIT.failure,
      );
    }
    if (found !== undefined) checkFormat(path, kind, found);
    const record = found ?? { format: FORMAT_VERSION, kind, clusterId: 0 };
    if (found === undefined) await writeFormat(fs, record);
    return new OpenDataFolder(path, fs, record, release);
  } catch (error) {
    release();
    throw error;
  }
}

class OpenDataFolder implements DataFolder {
  readonly path: string;
  readonly release: () => void;
  readonly #fs: Fs;
  #record: FormatRecord;

  constructor(path: string, fs: Fs, record: FormatRecord, release: () => void) {
    this.path = path;
    this.#fs = fs;
    this.#record = record;
    this.release = release;
  }

  get clusterId(): number {
    return this.#record.clusterId;
  }

  async bindCluster(clusterId: number): Promise<void> {
    if (this.#record.clusterId === clusterId) return;
    if (this.#record.clusterId !== 0) {
      throw new StartError(
        `${this.path} belongs to cluster ${this.#record.clusterId}, the scheduler serves cluster ${clusterId}`,
        EXIT.failure,
      );
    }
    this.#record = { ...this.#record, clusterId };
    await writeFormat(this.#fs, this.#record);
  }
}

/** Makes the folder; returns what else lies in it. */
function makeFolder(path: string): string[] {
  try {
    mkdirSync(path, { recursive: true });
    return readdirSync(path).filter((name) => !name.startsWith('LOCK') && !name.endsWith('.tmp'));
  } catch (error) {
    throw new StartError(`cannot use ${path} as data folder: ${errorMessage(error)}`, EXIT.failure);
  }
}

async function readFormat(fs: Fs, path: string): Promise<FormatRecord | undefined> {
  const bytes = await fs.readFile(FORMAT_FILE);
  if (bytes === undefined) return undefined;
  try {
    const record = JSON.parse(new TextDecoder().decode(bytes)) as Partial<FormatRecord>;
    const { format, kind, clusterId } = record;
    if (typeof format === 'number' && kind !== undefined && Number.isSafeInteger(clusterId)) {
      return { format, kind, clusterId: clusterId ?? 0 };
    }
  } catch {
    // Falls through to the same words as a record with fields missing.
  }
  throw new StartError(
    `${path}/${FORMAT_FILE} is damaged: it is not a format record`,
    EXIT.failure,
  );
}

function checkFormat(path: string, kind: FolderKind, record: FormatRecord): void {
  if (record.format !== FORMAT_VERSION) {
    throw new StartError(
      `${path} has format ${record.format}, this build reads format ${FORMAT_VERSION}`,
      EXIT.failure,
    );
  }
  if (record.kind !== kind) {
    throw new StartError(`${path} is the data folder of a ${record.kind}`, EXIT.failure);
  }
}

function writeFormat(fs: Fs, record: FormatRecord): Promise<void> {
  return fs.writeFileAtomic(FORMAT_FILE, new TextEncoder().encode(`${JSON.stringify(record)}\n`));
}
