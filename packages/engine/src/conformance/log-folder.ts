import { rmSync, truncateSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { KvEngine } from '@tinykv/base';
import { DataSegment } from '../log-engine/data-segment.js';
import type { LogEngine, LogEngineOptions } from '../log-engine/log-engine.js';
import { openLogEngine } from '../log-engine/node-log-engine.js';
import { copyOfOneMoment } from './crash-image.js';
import { scratchRoot } from './scratch.js';

/** By path of a segment: the bytes that a sync has covered, and all. */
const written = new Map<string, { durable: number; end: number }>();

const { sync, write } = DataSegment.prototype;
DataSegment.prototype.write = function (bytes) {
  const at = write.call(this, bytes);
  written.set(this.path, { durable: written.get(this.path)?.durable ?? 0, end: this.end });
  return at;
};
DataSegment.prototype.sync = async function () {
  const { end } = this;
  await sync.call(this);
  written.set(this.path, { durable: end, end: this.end });
};

/** A folder with a {@link LogEngine}, whose crashes may take what no sync has covered. */
export class LogFolder {
  readonly #options: LogEngineOptions;
  path: string;
  engine: LogEngine;

  private constructor(path: string, engine: LogEngine, options: LogEngineOptions) {
    this.path = path;
    this.engine = engine;
    this.#options = options;
  }

  static async create(options: LogEngineOptions = {}): Promise<LogFolder> {
    const path = await mkdtemp(join(scratchRoot, 'tinykv-log-'));
    return new LogFolder(path, await openLogEngine(path, options), options);
  }

  async reopen(): Promise<KvEngine> {
    await this.engine.close();
    this.engine = await openLogEngine(this.path, this.#options);
    return this.engine;
  }

  /** What a process that dies now leaves, with a share of what was not synced, cut at any byte. */
  async image(share: number): Promise<string> {
    const image = copyOfOneMoment(this.path);
    for (const [path, { durable, end }] of written) {
      if (!path.startsWith(`${this.path}/`) || end === durable) continue;
      truncateSync(join(image, basename(path)), durable + Math.floor((end - durable) * share));
    }
    return image;
  }

  async crash(share: number): Promise<KvEngine> {
    const image = await this.image(share);
    await this.engine.close();
    await rm(this.path, { recursive: true });
    this.path = image;
    this.engine = await openLogEngine(image, this.#options);
    return this.engine;
  }

  async cleanup(): Promise<void> {
    await this.engine.close();
    rmSync(this.path, { recursive: true });
  }

  underTest(): {
    engine: KvEngine;
    reopen(): Promise<KvEngine>;
    crash(share: number): Promise<KvEngine>;
    cleanup(): Promise<void>;
  } {
    return {
      engine: this.engine,
      reopen: () => this.reopen(),
      crash: (share) => this.crash(share),
      cleanup: () => this.cleanup(),
    };
  }
}
