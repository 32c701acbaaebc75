import { readFileSync } from 'node:fs';
import { type Env, errorMessage } from '@tinykv/base';
import { EXIT } from '@tinykv/server';
import { CliError } from '../../program.js';
import { LOOP_CLOCK } from '../driver.js';
import { intendedMs } from '../open-loop.js';
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
const PAUSE_AFTER_ERROR_MS = 5;

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

async function measure(
  cluster: OurCluster,
  { work, minutes, rate }: MemoryOptions,
): Promise<number> {
  const seconds = minutes * 60;
  const connections = await Promise.all(
    Array.from({ length: CLIENTS }, () => RespPipeline.connect(cluster.gateway)),
  );
  const sent = { next: 0, done: 0, errors: 0, firstError: '', isOver: false };
  const startedAt = LOOP_CLOCK.now();
  const client = async (connection: RespPipeline): Promise<void> => {
    while (!sent.isOver) {
      const number = sent.next++;
      const early = startedAt + intendedMs(number, rate) - LOOP_CLOCK.now();
      if (early > 0) await LOOP_CLOCK.sleep(Math.ceil(early));
      try {
        await connection.send(memoryCommand(work, number), 1);
        sent.done++;
      } catch (error) {
        sent.errors++;
        sent.firstError ||= errorMessage(error);
        await LOOP_CLOCK.sleep(PAUSE_AFTER_ERROR_MS);
      }
    }
  };
  const working = connections.map(client);
  const histories = await watch(cluster, seconds);
  sent.isOver = true;
  await Promise.all(working);
  for (const connection of connections) connection.close();
  print(`\n${sent.done} of ${Math.floor(seconds * rate)} operations, ${sent.errors} errors`);
  if (sent.errors > 0) print(`the first error: ${sent.firstError}`);
  const isFlat = report(histories);
  return isFlat && sent.errors === 0 ? EXIT.ok : EXIT.failure;
}

/** Whether no store grows any more. */
function report(histories: ReadonlyMap<string, readonly MemorySample[]>): boolean {
  let isFlat = true;
  for (const [name, history] of histories) {
    const plateau = plateauOf(history);
    isFlat &&= plateau.isFlat;
    const verdict = plateau.isFlat ? 'a plateau' : 'grows';
    print(`${name}: own memory ${mib(plateau.before)} MiB, then ${mib(plateau.after)}: ${verdict}`);
  }
  return isFlat;
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
