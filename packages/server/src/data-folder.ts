import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, errorMessage, KvError, type Logger, utf8 } from '@tinykv/base';
import {
  DiskReserve,
  type FolderLock,
  lockFolder,
  makeDurableFolder,
  replaceFile,
} from '@tinykv/engine';
import { EXIT } from './config/command-line.js';
import { StartError } from './start-error.js';
import type { EngineKind } from './storage.js';

/** Raised with every change of the layout on disk that an older build cannot read. */
const FORMAT_VERSION = 3;
/** Says nothing of the engine, which is LevelDB. */
const FORMAT_WITHOUT_ENGINE = 2;
const FORMAT_FILE = 'FORMAT';
const RESERVE_FILE = 'RESERVE';

export type FolderKind = 'store' | 'standalone store' | 'scheduler';

interface FormatRecord {
  readonly format: number;
  readonly kind: FolderKind;
  /** Of stores. */
  readonly engine?: EngineKind;
  /** 0 until the cluster is known. */
  readonly clusterId: number;
}

/** A data folder that this process holds. */
export class DataFolder {
  readonly path: string;
  readonly #lock: FolderLock;
  #record: FormatRecord;
  /** Undefined until {@link holdReserve}. */
  #reserve: DiskReserve | undefined;

  constructor(path: string, record: FormatRecord, lock: FolderLock) {
    this.path = path;
    this.#record = record;
    this.#lock = lock;
  }

  /** 0 while the folder belongs to no cluster yet. */
  get clusterId(): number {
    return this.#record.clusterId;
  }

  /** Writes down the cluster at the first start; throws StartError when the folder belongs to another. */
  bindCluster(clusterId: number): void {
    if (this.#record.clusterId === clusterId) return;
    if (this.#record.clusterId !== 0) {
      throw new StartError(
        `${this.path} belongs to cluster ${this.#record.clusterId}, the scheduler serves cluster ${clusterId}`,
        EXIT.failure,
      );
    }
    this.#record = { ...this.#record, clusterId };
    writeFormat(this.path, this.#record);
  }

  /**
   * Gives up the reserve of disk space when there is less room than it has, so that what opens files next finds some.
   * Only who holds the folder may do so. It is made again by who asks for that.
   */
  async holdReserve(bytes: number, logger: Logger): Promise<DiskReserve> {
    const reserve = new DiskReserve(join(this.path, RESERVE_FILE), bytes);
    this.#reserve = reserve;
    const { bavail, bsize } = statfsSync(this.path);
    if (bytes === 0) await reserve.giveUp();
    else if (bavail * bsize < bytes) await this.#giveUp(reserve, logger);
    return reserve;
  }

  /** Opens what may find the disk full all the same (a quota), and once more with the reserve given up. */
  async withRoom<T>(logger: Logger, open: () => Promise<T>): Promise<T> {
    try {
      return await open();
    } catch (error) {
      const isFull = error instanceof KvError && error.code === 'RESOURCE_EXHAUSTED';
      const reserve = this.#reserve;
      if (!isFull || reserve === undefined || !(await this.#giveUp(reserve, logger))) throw error;
    }
    return open();
  }

  async #giveUp(reserve: DiskReserve, logger: Logger): Promise<boolean> {
    if (!(await reserve.giveUp())) return false;
    logger.warn('disk full: the reserve of disk space is given up', { bytes: reserve.bytes });
    await this.#lock.keepSpare();
    return true;
  }

  release(): Promise<void> {
    return this.#lock.release();
  }
}

/**
 * Takes a data folder for this process. Refuses with one clear line: a folder in use, of an unknown
 * format, of another kind of process or another engine, or one that holds something else.
 */
export async function openDataFolder(
  path: string,
  kind: FolderKind,
  engine?: EngineKind,
): Promise<DataFolder> {
  const strangers = await makeFolder(path);
  const lock = await lockFolder(path);
  try {
    const found = readFormat(path);
    if (found === undefined && strangers.length > 0) {
      throw new StartError(
        `${path} is not empty and was not made by a ${kind}: it holds ${strangers.slice(0, 3).join(', ')}`,
        EXIT.failure,
      );
    }
    if (found !== undefined) checkFormat(path, { kind, engine }, found);
    const record = found ?? {
      format: FORMAT_VERSION,
      kind,
      ...(engine === undefined ? {} : { engine }),
      clusterId: 0,
    };
    if (found === undefined) writeFormat(path, record);
    return new DataFolder(path, record, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Makes the folder; returns what else lies in it. */
async function makeFolder(path: string): Promise<string[]> {
  try {
    await makeDurableFolder(path);
    return readdirSync(path).filter((name) => !name.startsWith('LOCK') && !name.endsWith('.tmp'));
  } catch (error) {
    const text = `cannot use ${path} as data folder: ${errorMessage(error)}`;
    throw new StartError(text, EXIT.failure, { cause: error });
  }
}

function readFormat(path: string): FormatRecord | undefined {
  const file = join(path, FORMAT_FILE);
  if (!existsSync(file)) return undefined;
  const record = parseFormat(readFileSync(file, 'utf8'));
  if (record !== undefined) return record;
  const text = `${file} is damaged: it is not a format record (see docs/errors.md)`;
  throw new StartError(text, EXIT.failure);
}

/** Undefined: damaged. Records of format 2 and before have no checksum. */
function parseFormat(text: string): FormatRecord | undefined {
  const sealed = /^(\{.*\}) ([0-9a-f]{8})\n$/.exec(text);
  if (sealed !== null && sealed[2] !== checksum(sealed[1]!)) return undefined;
  try {
    const record = JSON.parse(sealed?.[1] ?? text) as Partial<FormatRecord>;
    const { format, kind, clusterId } = record;
    if (typeof format !== 'number' || kind === undefined) return undefined;
    if (!Number.isSafeInteger(clusterId)) return undefined;
    if (format === FORMAT_VERSION && sealed === null) return undefined;
    return { ...record, format, kind, clusterId: clusterId ?? 0 };
  } catch {
    return undefined;
  }
}

function checksum(record: string): string {
  return crc32(utf8(record)).toString(16).padStart(8, '0');
}

function checkFormat(
  path: string,
  { kind, engine }: { readonly kind: FolderKind; readonly engine: EngineKind | undefined },
  record: FormatRecord,
): void {
  if (record.format !== FORMAT_VERSION && record.format !== FORMAT_WITHOUT_ENGINE) {
    throw new StartError(strangeFormat(path, record.format), EXIT.failure);
  }
  if (record.kind !== kind) {
    throw new StartError(`${path} is the data folder of a ${record.kind}`, EXIT.failure);
  }
  const made = record.engine ?? 'level';
  if (engine !== undefined && engine !== made) {
    throw new StartError(
      `${path} was made with the engine ${made}: it cannot be opened with ${engine}`,
      EXIT.failure,
    );
  }
}

/** Names the way out: what is in the folder is as good as ever, for the build that wrote it. */
function strangeFormat(path: string, format: number): string {
  const known = `this build reads ${FORMAT_WITHOUT_ENGINE} and ${FORMAT_VERSION}`;
  const isLater = format > FORMAT_VERSION;
  const author = isLater ? 'a later build has' : 'a build before all that are supported has';
  const way = 'or start this one on an empty folder, so that the other stores fill it';
  return `${path} has format ${format}, which ${author} written; ${known}: start it with that build, ${way} (see docs/errors.md)`;
}

function writeFormat(path: string, record: FormatRecord): void {
  const text = JSON.stringify(record);
  replaceFile(join(path, FORMAT_FILE), `${text} ${checksum(text)}\n`);
}
