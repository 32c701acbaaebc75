import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MUTANT_VARIABLE } from '../mutants/mutant.js';
import { compareRuns, type Job, lostReport, type Report } from './job.js';

// Compiled: a simulation from sources would begin with seconds of compiling in each process.
const workerFile = fileURLToPath(new URL('./worker.js', import.meta.url));
/** Plants a mutant before the worker loads anything of the product. */
const registerFile = new URL('./plant-mutant.js', import.meta.url).href;

/** A worker is replaced after as many runs: what they left in memory must not slow the others. */
const RUNS_PER_WORKER = 100;
/** Of real time. A run that takes longer hangs between two events, where its own limits do not reach. */
const RUN_MS_MAX = 600_000;

/**
 * Most of what a run allocates dies young: a young generation of full size from the start is collected less
 * often. A run has one processor to itself, so that threads that help the collector cost more than they save.
 */
const V8_FLAGS = ['--single-threaded-gc', '--min-semi-space-size=16'];

/** One worker process; it does one job at a time, all of the same mutant or of none. */
class Worker {
  readonly #child: ChildProcess;
  readonly mutant: string | undefined;
  runs = 0;
  /** It cannot be used any more. */
  broken = false;

  constructor(mutant: string | undefined) {
    this.mutant = mutant;
    this.#child = fork(workerFile, [], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [...process.execArgv, ...V8_FLAGS],
      ...(mutant === undefined ? {} : planted(mutant)),
    });
  }

  /** A worker that dies is a failure of the run that it was at. */
  run(job: Job): Promise<Report> {
    this.runs++;
    return new Promise((resolve) => {
      const child = this.#child;
      const finish = (report: Report): void => {
        clearTimeout(timer);
        child.off('message', onMessage).off('exit', onExit).off('error', onError);
        resolve(report);
      };
      const lose = (oracle: string, message: string): void => {
        this.broken = true;
        finish(lostReport(job, oracle, message));
      };
      const onMessage = (report: unknown): void => finish(report as Report);
      const onExit = (code: number | null, signal: string | null): void =>
        lose('worker', `the process of the run ended with ${signal ?? code}`);
      const onError = (error: Error): void => lose('worker', error.message);
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        lose('hang', `the run has not ended after ${RUN_MS_MAX / 1_000} s of real time`);
      }, RUN_MS_MAX);
      child.on('message', onMessage).on('exit', onExit).on('error', onError);
      child.send(job);
    });
  }

  stop(): void {
    this.broken = true;
    this.#child.kill();
  }
}

/** How a process is started that loads the mutant in place of the product. */
function planted(mutant: string): ForkOptions {
  return {
    execArgv: [...process.execArgv, ...V8_FLAGS, '--import', registerFile],
    env: { ...process.env, [MUTANT_VARIABLE]: mutant },
  };
}

/** Runs a job in a process of its own. */
export async function runFresh(job: Job): Promise<Report> {
  const worker = new Worker(job.plan.mutant);
  try {
    return await worker.run(job);
  } finally {
    worker.stop();
  }
}

function isFit(worker: Worker, { plan }: Job): boolean {
  return !worker.broken && worker.runs < RUNS_PER_WORKER && worker.mutant === plan.mutant;
}

/** A worker, begun when there is something to do and replaced when it is worn. */
class Lane {
  readonly #confirms: boolean;
  #worker: Worker | undefined;

  constructor(confirms: boolean) {
    this.#confirms = confirms;
  }

  /** The second run of two comes after others, so that what one run leaves behind for the next shows too. */
  async run(job: Job): Promise<Report> {
    if (job.twice === true) return compareRuns(await runFresh(job), await this.#runWarm(job));
    const isSure = !this.#confirms || !this.#hasRun(job);
    const report = await this.#runWarm(job);
    if (isSure || report.violations.length === 0 || this.#worker?.broken === true) return report;
    return compareRuns(report, await runFresh(job));
  }

  /** Whether the worker that takes this job has done others before. */
  #hasRun(job: Job): boolean {
    return this.#worker !== undefined && isFit(this.#worker, job) && this.#worker.runs > 0;
  }

  #runWarm(job: Job): Promise<Report> {
    if (this.#worker !== undefined && !isFit(this.#worker, job)) this.stop();
    this.#worker ??= new Worker(job.plan.mutant);
    return this.#worker.run(job);
  }

  stop(): void {
    this.#worker?.stop();
    this.#worker = undefined;
  }
}

/** Worker processes, each doing one job at a time. */
export class Pool {
  readonly #lanes: readonly Lane[];

  /**
   * With `confirms` what fails in a process that has run something before is run in a fresh one too: what
   * is printed to be replayed must not hang on the runs before it.
   */
  constructor(count: number, { confirms = true }: { readonly confirms?: boolean } = {}) {
    this.#lanes = Array.from({ length: count }, () => new Lane(confirms));
  }

  /** Runs `next()`'s jobs until there is none or `onReport` returns false; those at work finish. */
  async run(
    next: () => Job | undefined,
    onReport: (report: Report, job: Job) => boolean,
  ): Promise<void> {
    let stopped = false;
    const work = async (lane: Lane): Promise<void> => {
      while (!stopped) {
        const job = next();
        if (job === undefined) return;
        if (!onReport(await lane.run(job), job)) stopped = true;
      }
    };
    await Promise.all(this.#lanes.map(work));
  }

  stop(): void {
    for (const lane of this.#lanes) lane.stop();
  }
}
