import { Worker } from 'node:worker_threads';
import { assert, type KvEngine } from '@tinykv/base';
import { openLogEngine } from '@tinykv/engine';
import { execute } from './requests.js';

/** A way to carry requests out on one engine. */
export interface Executor {
  run(request: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

export const executors: Readonly<Record<string, (path: string) => Promise<Executor>>> = {
  inline: async (path) => new InlineExecutor(await openLogEngine(path)),
  queue: async (path) => new QueueExecutor(await openLogEngine(path)),
  worker: async (path) => new WorkerExecutor(path, 1),
  'worker-batch': async (path) => new WorkerExecutor(path, Number.POSITIVE_INFINITY),
};

/** Where the request arrives, at once. */
class InlineExecutor implements Executor {
  readonly #engine: KvEngine;

  constructor(engine: KvEngine) {
    this.#engine = engine;
  }

  run(request: Uint8Array): Promise<Uint8Array> {
    return execute(this.#engine, request);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}

const QUEUE_RUNNERS = 8;

interface Job {
  readonly request: Uint8Array;
  readonly resolve: (response: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** One queue, and a few runners on the same thread that take from it. */
class QueueExecutor implements Executor {
  readonly #engine: KvEngine;
  readonly #jobs: Job[] = [];
  #running = 0;

  constructor(engine: KvEngine) {
    this.#engine = engine;
  }

  run(request: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ request, resolve, reject });
      if (this.#running < QUEUE_RUNNERS) void this.#runner();
    });
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  async #runner(): Promise<void> {
    this.#running++;
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      await execute(this.#engine, job.request).then(job.resolve, job.reject);
    }
    this.#running--;
  }
}

/** The engine lives in a thread of its own, since two threads cannot share one; requests go there and back in messages. */
class WorkerExecutor implements Executor {
  readonly #worker: Worker;
  readonly #batchMax: number;
  readonly #waiting: Job[] = [];
  /** In the order in which the worker answers. */
  readonly #sent: Job[] = [];
  #isFlushing = false;

  /** Up to `batchMax` requests of a turn go in one message. */
  constructor(path: string, batchMax: number) {
    this.#batchMax = batchMax;
    // Compiled, also when this file itself runs as source in a test.
    const entry = new URL('../../dist/bin/bench-worker.js', import.meta.url);
    this.#worker = new Worker(entry, { workerData: path });
    this.#worker.on('message', (responses: readonly Uint8Array[]) => {
      for (const response of responses) this.#sent.shift()?.resolve(response);
    });
    this.#worker.on('error', (error) => {
      for (const job of this.#sent.splice(0)) job.reject(error);
    });
  }

  run(request: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      if (this.#isFlushing) return;
      this.#isFlushing = true;
      setImmediate(() => this.#flush());
    });
  }

  async close(): Promise<void> {
    assert(this.#sent.length === 0, () => `${this.#sent.length} requests are under way`);
    const ended = new Promise((resolve) => this.#worker.once('exit', resolve));
    this.#worker.postMessage([]);
    await ended;
  }

  #flush(): void {
    this.#isFlushing = false;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#batchMax);
      this.#sent.push(...batch);
      this.#worker.postMessage(batch.map(({ request }) => request));
    }
  }
}
