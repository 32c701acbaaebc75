import { readdirSync, readFileSync } from 'node:fs';
import { parseBusySeconds, parseChildren, parseCpuSeconds, parseWriteCalls } from './proc-text.js';

/** A process under measurement. */
export interface ProcessRef {
  /** `client`, `store-1`, `etcd-2`. */
  readonly name: string;
  readonly pid: number;
}

/** This process, which sends the work. Its children are counted by themselves. */
export const CLIENT: ProcessRef = { name: 'client', pid: process.pid };

interface Counters {
  readonly cpuSeconds: number;
  readonly writeCalls: number;
}

/** What the machine and some processes had used at one moment. */
export interface UsageSample {
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
  readonly busySeconds: number;
  readonly processes: ReadonlyMap<string, Counters>;
}

/** What was used between two samples. */
export interface Usage {
  readonly processes: ReadonlyMap<string, Counters>;
  /** Cores that processes other than these used. */
  readonly foreignCores: number;
}

export function sampleUsage(refs: readonly ProcessRef[]): UsageSample {
  return {
    at: performance.now(),
    busySeconds: parseBusySeconds(readFileSync('/proc/stat', 'utf8')),
    processes: new Map(refs.map(({ name, pid }) => [name, countTree(pid)])),
  };
}

export function usageBetween(before: UsageSample, after: UsageSample): Usage {
  const processes = new Map<string, Counters>();
  let ownSeconds = 0;
  for (const [name, last] of after.processes) {
    const first = before.processes.get(name) ?? NOTHING;
    // A child that has ended takes its write calls with it, a process that has ended everything.
    const writeCalls = Math.max(0, last.writeCalls - first.writeCalls);
    const cpuSeconds = Math.max(0, last.cpuSeconds - first.cpuSeconds);
    processes.set(name, { cpuSeconds, writeCalls });
    ownSeconds += cpuSeconds;
  }
  const seconds = (after.at - before.at) / 1000;
  const foreign = (after.busySeconds - before.busySeconds - ownSeconds) / seconds;
  // Ticks of the machine and of processes are not counted at the same moments.
  return { processes, foreignCores: Math.max(0, foreign) };
}

const NOTHING: Counters = { cpuSeconds: 0, writeCalls: 0 };

/** A process with all below it. */
function countTree(pid: number): Counters {
  try {
    const own = {
      cpuSeconds: parseCpuSeconds(readFileSync(`/proc/${pid}/stat`, 'utf8')),
      writeCalls: parseWriteCalls(readFileSync(`/proc/${pid}/io`, 'utf8')),
    };
    return pid === CLIENT.pid ? own : childrenOf(pid).map(countTree).reduce(add, own);
  } catch (error) {
    if (isGone(error)) return NOTHING;
    throw error;
  }
}

function childrenOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.flatMap((thread) =>
    parseChildren(readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')),
  );
}

function add(a: Counters, b: Counters): Counters {
  return { cpuSeconds: a.cpuSeconds + b.cpuSeconds, writeCalls: a.writeCalls + b.writeCalls };
}

/** The process ended between two of the reads. */
function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}
