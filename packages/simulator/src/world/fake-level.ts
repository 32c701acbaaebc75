import {
  assert,
  compareBytes,
  copyBytes,
  EMPTY_BYTES,
  type KvSnapshot,
  keyString,
} from '@tinykv/base';
import {
  type EngineFile,
  type EngineFiles,
  type LevelBatchBinding,
  type LevelBinding,
  type LevelCursor,
  type LevelGetOptions,
  type LevelIteratorOptions,
  type LevelView,
  MemoryEngine,
} from '@tinykv/engine';
import {
  decodeManifest,
  encodeManifest,
  encodeRecord,
  fileNumber,
  logName,
  MANIFEST,
  type Manifest,
  type Op,
  readRecords,
  tableName,
} from './fake-level-format.js';

/** More tables than these are merged into one. */
const TABLES_MAX = 4;

interface FakeLevelOptions {
  /** A log this long is followed by another. */
  readonly bufferBytes: number;
  /** Told of a failure beside all writes at once, where LevelDB waits for the next of them. */
  readonly failed: (error: unknown) => void;
}

interface Table {
  readonly number: number;
  readonly ops: readonly Op[];
}

/**
 * Stands for the binding of LevelDB on simulated files, with its durability: a batch is appended to the newest log and not
 * synced; a log that is long enough is followed by another, without a sync, and written as a table, which is synced
 * with the manifest before the log goes. So a crash takes the end of any log, whichever logs follow it. All
 * data is in memory, too, and read there.
 */
export class FakeLevel implements LevelBinding {
  readonly location = 'level';
  readonly #files: EngineFiles;
  readonly #bufferBytes: number;
  readonly #failed: (error: unknown) => void;
  readonly #live = new MemoryEngine();
  #tables: Table[] = [];
  #number = 0;
  /** The log that is open, and what it holds. */
  #log: { readonly number: number; readonly file: EngineFile } | undefined;
  #buffer: Op[] = [];
  /** As the manifest has it. */
  #firstLog = 0;
  /** Settles when the last rotation has; never rejects. */
  #rotated: Promise<void> = Promise.resolve();
  /** Settles when the log before has its table. */
  #flushed: Promise<void> = Promise.resolve();
  #failure: Error | undefined;
  #isClosed = false;

  private constructor(files: EngineFiles, { bufferBytes, failed }: FakeLevelOptions) {
    this.#files = files;
    this.#bufferBytes = bufferBytes;
    this.#failed = failed;
  }

  /** Opens the folder, which is made with the first log. What is found in logs is written as a table. */
  static async open(files: EngineFiles, options: FakeLevelOptions): Promise<FakeLevel> {
    const level = new FakeLevel(files, options);
    await level.#recover();
    return level;
  }

  getSync(key: Uint8Array, { snapshot }: LevelGetOptions = {}): Uint8Array | undefined {
    this.#check();
    return (snapshot === undefined ? this.#live : viewOf(snapshot)).get(key);
  }

  iterator({ gte, lt, reverse, values, snapshot }: LevelIteratorOptions): LevelCursor {
    this.#check();
    const reader = snapshot === undefined ? this.#live : viewOf(snapshot);
    const range = { start: gte ?? EMPTY_BYTES, end: lt ?? EMPTY_BYTES, reverse, keysOnly: !values };
    const iterator = reader.iterator(range);
    return {
      nextv: async (count) => [...(await iterator.next(count))],
      close: () => iterator.close(),
    };
  }

  snapshot(): FakeView {
    this.#check();
    return new FakeView(this.#live.snapshot());
  }

  batch(): LevelBatchBinding {
    this.#check();
    const ops: Op[] = [];
    return {
      put: (key, value) => ops.push([copyBytes(key), copyBytes(value)]),
      del: (key) => ops.push([copyBytes(key), undefined]),
      write: () => this.#write(ops),
    };
  }

  /** Of tables alone: what is in a log does not count. */
  async approximateSize(start: Uint8Array, end: Uint8Array): Promise<number> {
    this.#check();
    let bytes = 0;
    for (const [key, value] of this.#tables.flatMap(({ ops }) => ops)) {
      const isInside = compareBytes(key, start) >= 0 && compareBytes(key, end) < 0;
      if (isInside) bytes += key.length + (value?.length ?? 0);
    }
    return bytes;
  }

  /** Whatever the range is, all tables become one. */
  async compactRange(): Promise<void> {
    this.#check();
    await this.#rotate();
    await this.#inTurn(() => this.#merge());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#flushed.catch(() => undefined);
  }

  async #write(ops: readonly Op[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (ops.length === 0) return;
    if (this.#log!.file.size >= this.#bufferBytes) await this.#rotate();
    const { file } = this.#log!;
    file.write(file.size, encodeRecord(ops));
    this.#buffer.push(...ops);
    await apply(this.#live, ops);
  }

  #rotate(): Promise<void> {
    const rotated = this.#rotated.then(() => this.#nextLog());
    this.#rotated = rotated.catch(() => undefined);
    return rotated;
  }

  /** The log before is closed without a sync, and its table comes later. */
  async #nextLog(): Promise<void> {
    if (this.#buffer.length === 0) return;
    await this.#flushed;
    const log = await this.#createLog();
    const former = this.#log!;
    const ops = this.#buffer;
    this.#log = log;
    this.#buffer = [];
    const firstLog = log.number;
    const table = ++this.#number;
    void this.#inTurn(async () => {
      await this.#addTable(table, ops, firstLog);
      await this.#files.remove(logName(former.number));
      if (this.#tables.length > TABLES_MAX) await this.#merge();
    }).catch(() => undefined);
  }

  /** Runs work on tables after what is at it. A failure stops all writes. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#flushed.then(work);
    this.#flushed = done.catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#failed(error);
    });
    return done;
  }

  async #createLog(): Promise<{ readonly number: number; readonly file: EngineFile }> {
    const number = ++this.#number;
    return { number, file: await this.#files.create(logName(number), 0) };
  }

  async #addTable(number: number, ops: readonly Op[], firstLog: number): Promise<void> {
    await this.#writeDurably(tableName(number), encodeRecord(ops));
    const tables = [...this.#tables, { number, ops }];
    await this.#writeManifest({ firstLog, tables: tables.map((table) => table.number) });
    this.#tables = tables;
    this.#firstLog = firstLog;
  }

  /** Nothing is older than the tables: deletions go. */
  async #merge(): Promise<void> {
    const former = this.#tables;
    const merged = new Map<string, Op>();
    for (const op of former.flatMap(({ ops }) => ops)) merged.set(keyString(op[0]), op);
    const ops = [...merged.values()].filter(([, value]) => value !== undefined);
    const number = ++this.#number;
    await this.#writeDurably(tableName(number), encodeRecord(ops));
    await this.#writeManifest({ firstLog: this.#firstLog, tables: [number] });
    this.#tables = [{ number, ops }];
    for (const table of former) await this.#files.remove(tableName(table.number));
  }

  async #writeManifest(manifest: Manifest): Promise<void> {
    const temporary = `${MANIFEST}.tmp`;
    await this.#writeDurably(temporary, encodeManifest(manifest));
    await this.#files.rename(temporary, MANIFEST);
    await this.#files.syncNames();
  }

  async #writeDurably(name: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#files.create(name, 0);
    file.write(0, bytes);
    await file.sync();
    await this.#files.syncNames();
  }

  async #recover(): Promise<void> {
    const names = await this.#files.list();
    this.#number = Math.max(0, ...names.map(fileNumber));
    const found = await this.#files.readWhole(MANIFEST);
    const { firstLog, tables } =
      found === undefined ? { firstLog: 0, tables: [] } : decodeManifest(found);
    for (const number of tables) {
      const ops = (await this.#batchesOf(tableName(number))).flat();
      this.#tables.push({ number, ops });
      await apply(this.#live, ops);
    }
    const logs = names.filter((name) => name.endsWith('.log') && fileNumber(name) >= firstLog);
    const recovered: Op[] = [];
    for (const name of logs.sort()) recovered.push(...(await this.#batchesOf(name)).flat());
    await apply(this.#live, recovered);
    const log = await this.#createLog();
    this.#log = log;
    await this.#addTable(++this.#number, recovered, log.number);
    const kept = new Set([MANIFEST, logName(log.number)]);
    for (const { number } of this.#tables) kept.add(tableName(number));
    for (const name of names) if (!kept.has(name)) await this.#files.remove(name);
  }

  async #batchesOf(name: string): Promise<Op[][]> {
    const bytes = await this.#files.readWhole(name);
    assert(bytes !== undefined, () => `${name} is missing`);
    return readRecords(bytes);
  }

  #check(): void {
    if (!this.#isClosed) return;
    const code = 'LEVEL_DATABASE_NOT_OPEN';
    throw Object.assign(new Error('Database is not open'), { code });
  }
}

class FakeView implements LevelView {
  readonly reader: KvSnapshot;

  constructor(reader: KvSnapshot) {
    this.reader = reader;
  }

  async close(): Promise<void> {
    this.reader.close();
  }
}

function viewOf(snapshot: LevelView): KvSnapshot {
  assert(snapshot instanceof FakeView, 'a snapshot of another database');
  return snapshot.reader;
}

async function apply(engine: MemoryEngine, ops: readonly Op[]): Promise<void> {
  const batch = engine.batch();
  for (const [key, value] of ops) {
    if (value === undefined) batch.delete(key);
    else batch.put(key, value);
  }
  await engine.write(batch, { sync: false });
}
