import type { KvError, Rng } from '@tinykv/base';
import { Disk } from './disk.js';
import type { EngineKind, EngineLoss, MachineEngine } from './machine-engine.js';
import { MachineClock } from './sim-clock.js';
import { SimEngine } from './sim-engine.js';
import { SimFs } from './sim-fs.js';
import { SimLevelEngine } from './sim-level-engine.js';
import { SimLogEngine } from './sim-log-engine.js';
import type { SimProcess } from './sim-proc.js';
import { SimRaftLog } from './sim-raft-log.js';
import { fillEngine, type StoredFolder } from './stored-folder.js';

/** The losses of a power cut. */
export interface MachineLoss extends EngineLoss {
  /** Changes of names in folders that were undone. */
  readonly names: number;
}

/** A machine with its clock and its disk: what is left when a process dies. */
export class Machine {
  readonly host: string;
  readonly clock: MachineClock;
  readonly disk: Disk;
  readonly engine: MachineEngine;
  readonly fs: SimFs;
  readonly log: SimRaftLog;
  readonly #rng: Rng;

  constructor(host: string, rng: Rng, diskDelayMs: number, engine: EngineKind = 'model') {
    this.host = host;
    this.#rng = rng;
    this.clock = new MachineClock(rng.int(1_000, 1_000_000));
    this.disk = new Disk(rng.fork('disk'), diskDelayMs);
    this.engine = engineOf(engine, this.disk);
    this.fs = new SimFs(this.disk);
    this.log = new SimRaftLog(this.disk);
  }

  /** Copies the store's folder of another machine here, running or not. Files of snapshots are left out. */
  async copyStore(other: Machine): Promise<void> {
    await this.engine.copyFrom(other.engine);
    this.log.copyFrom(other.log);
  }

  /** The disk holds this folder: `installer` writes the engine's part, and is gone when it resolves. */
  async restore({ log, files, entries }: StoredFolder, installer: SimProcess): Promise<void> {
    this.log.place(log);
    for (const [path, bytes] of files) this.fs.place(path, bytes);
    if (entries.length === 0) return;
    this.attach(installer);
    const failed = (error: KvError): void => installer.world.fail(error);
    await fillEngine(await this.engine.open({ proc: installer, failed }), entries);
    installer.kill();
    this.exit();
  }

  /** A new process runs on the machine. */
  attach(proc: SimProcess): void {
    this.disk.attach(proc);
  }

  /** The process is gone and the machine runs on: its page cache has what was not synced. */
  exit(): void {
    this.fs.exit(this.#rng);
    this.engine.exit();
  }

  /** The power is gone: what was not synced is lost in part. */
  async crash(): Promise<MachineLoss> {
    const names = [this.log.crash(this.#rng), this.fs.crash(this.#rng)];
    const engine = await this.engine.crash(this.#rng);
    return { ...engine, names: names.reduce((sum, { lost }) => sum + lost, 0) };
  }
}

function engineOf(kind: EngineKind, disk: Disk): MachineEngine {
  switch (kind) {
    case 'model':
      return new SimEngine(disk);
    case 'log':
      return new SimLogEngine(disk);
    case 'level':
      return new SimLevelEngine(disk);
  }
}
