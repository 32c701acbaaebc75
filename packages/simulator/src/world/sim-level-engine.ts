import {
  assert,
  errorMessage,
  type IteratorRange,
  type KvEngine,
  type KvEntry,
  KvError,
  type Rng,
} from '@tinykv/base';
import { LevelEngine } from '@tinykv/engine';
import type { Disk } from './disk.js';
import { FakeLevel } from './fake-level.js';
import {
  type EngineLoss,
  type EngineOwner,
  entriesOf,
  type MachineEngine,
} from './machine-engine.js';
import { PacedEngine } from './paced-engine.js';
import { SimLogFiles } from './sim-log-files.js';

/** Small, so that a run goes through many logs. */
const BUFFER_BYTES = 4_096;

/** The engine of the product on LevelDB, with a fake of LevelDB under it. */
export class SimLevelEngine implements MachineEngine {
  readonly #disk: Disk;
  readonly #bufferBytes: number;
  readonly #files: SimLogFiles;
  #engine: LevelEngine | undefined;
  #isDamaged = false;

  constructor(disk: Disk, bufferBytes: number = BUFFER_BYTES) {
    this.#disk = disk;
    this.#bufferBytes = bufferBytes;
    this.#files = new SimLogFiles(disk, 'engine');
  }

  async open({ failed }: EngineOwner): Promise<KvEngine> {
    // The check of a folder that finds this reads files of the real LevelDB.
    if (this.#isDamaged) throw new KvError('DATA_LOSS', 'a bit is flipped');
    const db = await FakeLevel.open(this.#files, {
      bufferBytes: this.#bufferBytes,
      failed: (error) =>
        failed(error instanceof KvError ? error : new KvError('INTERNAL', errorMessage(error))),
    });
    this.#engine = new LevelEngine({ db, files: this.#files }, { failed });
    return new PacedEngine(this.#disk, this.#engine);
  }

  async copyFrom(other: MachineEngine): Promise<void> {
    assert(other instanceof SimLevelEngine, 'an engine of another kind');
    this.#files.copyFrom(other.#files);
  }

  /** The files are as the process left them. */
  exit(): void {}

  async crash(rng: Rng): Promise<EngineLoss> {
    this.#engine = undefined;
    return this.#files.crash(rng, (name) => name.endsWith('.log')).writes;
  }

  async rot(rng: Rng): Promise<boolean> {
    this.#isDamaged = this.#files.rot(rng);
    return this.#isDamaged;
  }

  peek(range: IteratorRange): Promise<KvEntry[]> {
    assert(this.#engine !== undefined, 'nobody has the engine open');
    return entriesOf(this.#engine, range);
  }
}
