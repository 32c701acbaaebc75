import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Job, Report } from './worker.js';

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const workerFile = fileURLToPath(new URL(`./worker.${extension}`, import.meta.url));

/** One worker process; it does one job at a time. */
export class Worker {
  readonly #child: ChildProcess;
  #waiting: ((report: Report) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  constructor() {
    this.#child = fork(workerFile, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (report) => this.#waiting?.(report as Report));
    this.#child.on('exit', (code) => this.#fail?.(new Error(`a worker ended with ${code}`)));
  }

  run(job: Job): Promise<Report> {
    return new Promise((resolve, reject) => {
      this.#waiting = resolve;
      this.#fail = reject;
      this.#child.send(job);
    });
  }

  stop(): void {
    this.#fail = undefined;
    this.#child.kill();
  }
}

/** Runs a job in a process of its own. */
export async function runFresh(job: Job): Promise<Report> {
  const worker = new Worker();
  try {
    return await worker.run(job);
  } finally {
    worker.stop();
  }
}

/**
 * Runs `next()`'s jobs on `count` workers until there is none or `onReport` says stop. Workers are
 * replaced now and then, so that what one run left in memory does not slow the others.
 */
export async function runAll(
  count: number,
  next: () => Job | undefined,
  onReport: (report: Report, job: Job) => boolean | Promise<boolean>,
): Promise<void> {
  let stopped = false;
  const lane = async (): Promise<void> => {
    let worker = new Worker();
    try {
      for (let runs = 1; !stopped; runs++) {
        const job = next();
        if (job === undefined) return;
        const report = await worker.run(job);
        if (!(await onReport(report, job))) stopped = true;
        if (runs % 50 === 0) {
          worker.stop();
          worker = new Worker();
        }
      }
    } finally {
      worker.stop();
    }
  };
  await Promise.all(Array.from({ length: count }, lane));
}
