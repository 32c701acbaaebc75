import { assert, type IteratorRange, type KvEngine, type KvEntry, type Rng } from '@tinykv/base';
import { LogEngine } from '@tinykv/engine';
import type { Disk } from './disk.js';
import {
  type EngineLoss,
  type EngineOwner,
  entriesOf,
  type MachineEngine,
} from './machine-engine.js';
import { PacedEngine } from './paced-engine.js';
import { SimLogFiles } from './sim-log-files.js';

/** Small, so that a run goes through many of them, and they are compacted. */
const SEGMENT_BYTES = 8_192;

/** The log engine of the product on simulated files. */
export class SimLogEngine implements MachineEngine {
  readonly #disk: Disk;
  readonly #files: SimLogFiles;
  #engine: LogEngine | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
    this.#files = new SimLogFiles(disk, 'engine');
  }

  async open({ proc, failed }: EngineOwner): Promise<KvEngine> {
    const rest = (): Promise<void> => new Promise((resolve) => proc.defer(resolve));
    this.#engine = await LogEngine.open(
      { files: this.#files, rest },
      {
        segmentBytes: SEGMENT_BYTES,
        failed,
        hintLost: ({ message }) => proc.world.log(proc.name, 'a hint is lost', { error: message }),
      },
    );
    return new PacedEngine(this.#disk, this.#engine);
  }

  async copyFrom(other: MachineEngine): Promise<void> {
    assert(other instanceof SimLogEngine, 'an engine of another kind');
    this.#files.copyFrom(other.#files);
  }

  /** The files are as the process left them. */
  exit(): void {}

  async crash(rng: Rng): Promise<EngineLoss> {
    this.#engine = undefined;
    // A hint is never synced, and its loss is none.
    return this.#files.crash(rng, (name) => name.endsWith('.data')).writes;
  }

  async rot(rng: Rng): Promise<boolean> {
    return this.#files.rot(rng);
  }

  peek(range: IteratorRange): Promise<KvEntry[]> {
    assert(this.#engine !== undefined, 'nobody has the engine open');
    return entriesOf(this.#engine, range);
  }
}
