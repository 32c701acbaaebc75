import { KvError, type Rng } from '@tinykv/base';
import type { SimProcess } from './sim-proc.js';

/** How a machine's disk behaves; changed by faults while it runs. */
export interface DiskTraits {
  /** Delay of one operation, exponential with this mean (ms). */
  delayMeanMs: number;
  /** Nothing finishes before this moment (simulated ms). */
  stalledUntil: number;
  /** No write to the engine begins before this moment, as while it compacts: the log goes on. */
  engineStalledUntil: number;
  /** Writes fail with ENOSPC. */
  full: boolean;
  /** Writes to the log fail with ENOSPC, after some of their bytes: it has a disk of its own. */
  logFull: boolean;
  /** The next sync fails with EIO. */
  syncFails: boolean;
  /** Reads fail with EIO. */
  readFails: boolean;
}

/** The disk of a machine as its present process works on it: every operation takes time, and may fail. */
export class Disk {
  readonly traits: DiskTraits;
  readonly rng: Rng;
  proc: SimProcess | undefined;
  /** Operations of one process end in the order in which they began, as on a queue. */
  #busyUntil = 0;

  constructor(rng: Rng, delayMeanMs: number) {
    this.rng = rng;
    this.traits = {
      delayMeanMs,
      stalledUntil: 0,
      engineStalledUntil: 0,
      full: false,
      logFull: false,
      syncFails: false,
      readFails: false,
    };
  }

  /** Resolves when the disk has done an operation; never for a process that died meanwhile. */
  operation(label: string): Promise<void> {
    const proc = this.proc;
    if (proc === undefined || proc.dead) return new Promise(() => undefined);
    const { now } = proc.world;
    const { delayMeanMs, stalledUntil } = this.traits;
    const done = Math.max(now, stalledUntil) - delayMeanMs * Math.log(1 - this.rng.float());
    this.#busyUntil = Math.max(this.#busyUntil, done);
    return new Promise((resolve) => {
      proc.after(this.#busyUntil - now, label, resolve);
    });
  }

  async write(label: string): Promise<void> {
    await this.operation(label);
    if (this.traits.full) throw new KvError('RESOURCE_EXHAUSTED', `${label}: no space left`);
  }

  async engineWrite(label: string): Promise<void> {
    const { proc } = this;
    const ms = this.traits.engineStalledUntil - (proc?.world.now ?? 0);
    if (proc !== undefined && ms > 0) {
      await new Promise<void>((resolve) => {
        proc.after(ms, 'engine stalls', resolve);
      });
    }
    await this.write(label);
  }

  async read(label: string): Promise<void> {
    await this.operation(label);
    this.checkReadable(label);
  }

  /** Of reads that take no time. */
  checkReadable(label: string): void {
    if (this.traits.readFails) throw new KvError('INTERNAL', `${label}: input/output error`);
  }

  async sync(label: string): Promise<void> {
    await this.operation(label);
    if (this.traits.syncFails) throw new KvError('INTERNAL', `${label}: input/output error`);
  }

  /** A new process works on the disk: what was queued is gone with the old one. */
  attach(proc: SimProcess): void {
    this.proc = proc;
    this.#busyUntil = 0;
  }
}
