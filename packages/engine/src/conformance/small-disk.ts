import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own, so small that a test can fill it. */
export class SmallDisk {
  readonly path: string;
  #fillers = 0;

  private constructor(path: string) {
    this.path = path;
  }

  /** Undefined, and a line that says so: mounting needs root. In CI it throws. */
  static mount(size: string): SmallDisk | undefined {
    const path = mkdtempSync(join(tmpdir(), 'tinykv-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
    } catch (error) {
      rmSync(path, { recursive: true });
      if (process.env['CI'] === 'true') throw error;
      console.log('left out: mounting a tmpfs needs root');
      return undefined;
    }
    return new SmallDisk(path);
  }

  /** Takes what is left of it. */
  fill(): void {
    this.#fillers++;
    const file = openSync(join(this.path, `.filler-${this.#fillers}`), 'w');
    try {
      for (const bytes of [65_536, 4_096]) {
        const block = new Uint8Array(bytes).fill(1);
        while (isWhole(file, block));
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives back what {@link fill} took. */
  clear(): void {
    for (; this.#fillers > 0; this.#fillers--) {
      rmSync(join(this.path, `.filler-${this.#fillers}`), { force: true });
    }
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.path]);
    rmSync(this.path, { recursive: true });
  }
}

function isWhole(file: number, block: Uint8Array): boolean {
  try {
    return writeSync(file, block) === block.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
