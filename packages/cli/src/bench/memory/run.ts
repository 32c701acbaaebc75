import { readFileSync } from 'node:fs';
import type { Env } from '@tinykv/base';
import { EXIT } from '@tinykv/server';
import { CliError } from '../../program.js';
import { LOOP_CLOCK } from '../driver.js';
import { runOpenLoop } from '../open-loop.js';
import { type OurCluster, startOurCluster } from '../vs/our-cluster.js';
import { parseMemory } from '../vs/proc-text.js';
import { Resources } from '../vs/resources.js';
import { RespPipeline } from '../vs/resp-pipeline.js';
import { type MemorySample, plateauOf } from './plateau.js';
import { type MemoryWork, memoryCommand } from './work.js';

export interface MemoryOptions {
  readonly work: MemoryWork;
  readonly minutes: number;
  /** Operations a second. */
  readonly rate: number;
}

const CLIENTS = 8;
const SAMPLES = 60;
const MIB = 1_048_576;

/** Works on a cluster of its own and shows what its stores hold; fails unless it stops growing. */
export async function benchMemory(env: Env, options: MemoryOptions): Promise<number> {
  if (process.platform !== 'linux') throw new CliError('it needs Linux: it reads /proc');
  const resources = new Resources();
  const onSignal = (): void => void resources.close().then(() => process.exit(EXIT.failure));
  process.once('SIGINT', onSignal);
  try {
    return await measure(await startOurCluster(env, resources), options);
  } finally {
    process.off('SIGINT', onSignal);
    await resources.close();
  }
}

async function measure(cluster: OurCluster, options: MemoryOptions): Promise<number> {
  const { work, minutes, rate } = options;
  const seconds = minutes * 60;
  const connections = await Promise.all(
    Array.from({ length: CLIENTS }, () => RespPipeline.connect(cluster.gateway)),
  );
  let number = 0;
  const operation = (client: number): Promise<void> =>
    connections[client]!.send(memoryCommand(work, number++), 1);
  const working = runOpenLoop(operation, { clients: CLIENTS, rate, seconds });
  const histories = await watch(cluster, seconds);
  const { operations, errors, firstError, unsent } = await working;
  for (const connection of connections) connection.close();
  print(`\n${operations} operations, ${errors} errors, ${unsent} not sent in time`);
  if (firstError !== undefined) print(`the first error: ${firstError}`);
  let isFlat = true;
  for (const [name, history] of histories) {
    const plateau = plateauOf(history);
    isFlat &&= plateau.isFlat;
    const verdict = plateau.isFlat ? 'a plateau' : 'grows';
    print(`${name}: own memory ${mib(plateau.before)} MiB, then ${mib(plateau.after)}: ${verdict}`);
  }
  return isFlat && errors === 0 ? EXIT.ok : EXIT.failure;
}

async function watch(cluster: OurCluster, seconds: number): Promise<Map<string, MemorySample[]>> {
  const stores = cluster.processes.filter(({ name }) => name.startsWith('store'));
  const histories = new Map(stores.map(({ name }) => [name, [] as MemorySample[]]));
  print(`   time  ${stores.map(({ name }) => `${name} own + mapped`).join('   ')}  (MiB)`);
  for (let i = 1; i <= SAMPLES; i++) {
    await LOOP_CLOCK.sleep((seconds * 1000) / SAMPLES);
    const failure = cluster.failure();
    if (failure !== undefined) throw new CliError(failure);
    const at = Math.round((seconds * i) / SAMPLES);
    const cells = stores.map(({ name, pid }) => {
      const { own, mapped } = parseMemory(readFileSync(`/proc/${pid}/status`, 'utf8'));
      histories.get(name)!.push({ seconds: at, own, mapped });
      return `${mib(own).padStart(11)} + ${mib(mapped).padEnd(7)}`;
    });
    print(`${String(at).padStart(6)}s  ${cells.join('   ')}`);
  }
  return histories;
}

function mib(bytes: number): string {
  return String(Math.round(bytes / MIB));
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
