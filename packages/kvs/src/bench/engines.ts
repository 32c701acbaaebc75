import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EMPTY_BYTES, type KvEngine, Prng, utf8 } from '@tinykv/base';
import { LevelEngine, MemoryEngine, openLogEngine } from '@tinykv/engine';
import { describeRow, measureInTurns } from './rounds.js';

export interface EngineBenchOptions {
  readonly rounds: number;
  readonly keys: number;
  readonly valueBytes: number;
  /** Where the engines have their folders. */
  readonly folder: string;
  readonly print: (line: string) => void;
}

const BATCH_KEYS = 100;
const SYNCED_WRITES = 50;

const openers = {
  level: (path: string): Promise<KvEngine> => LevelEngine.open(path),
  log: (path: string): Promise<KvEngine> => openLogEngine(path),
  memory: async (): Promise<KvEngine> => new MemoryEngine(),
};
type Name = keyof typeof openers;

/** Works on an engine that has all keys; returns how many operations it made. */
type Work = (engine: KvEngine, bench: EngineBenchOptions, prng: Prng) => Promise<number>;

const works: Readonly<Record<string, Work>> = {
  'seq-write': async (engine, { keys, valueBytes }) => {
    const value = filledValue(valueBytes, 1);
    for (let i = 0; i < keys; i++) await put(engine, [keyOf(i)], value, false);
    return keys;
  },
  'rnd-write': async (engine, { keys, valueBytes }, prng) => {
    const value = filledValue(valueBytes, 2);
    for (let i = 0; i < keys; i++) await put(engine, [keyOf(prng.int(0, keys))], value, false);
    return keys;
  },
  'batch-write': async (engine, { keys, valueBytes }, prng) => {
    const value = filledValue(valueBytes, 3);
    for (let i = 0; i < keys; i += BATCH_KEYS) {
      const batch = Array.from({ length: BATCH_KEYS }, () => keyOf(prng.int(0, keys)));
      await put(engine, batch, value, false);
    }
    return keys;
  },
  'synced-write': async (engine, { keys, valueBytes }, prng) => {
    const value = filledValue(valueBytes, 4);
    for (let i = 0; i < SYNCED_WRITES; i++) {
      await put(engine, [keyOf(prng.int(0, keys))], value, true);
    }
    return SYNCED_WRITES;
  },
  'rnd-read': async (engine, { keys }, prng) => {
    for (let i = 0; i < keys; i++) {
      if (engine.get(keyOf(prng.int(0, keys))) === undefined) throw new Error('lost a key');
    }
    return keys;
  },
  scan: async (engine) => {
    const iterator = engine.iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES });
    let count = 0;
    for (;;) {
      const page = await iterator.next(512);
      if (page.length === 0) break;
      count += page.length;
    }
    await iterator.close();
    return count;
  },
};

/** The engines side by side: microseconds of an operation, then what a start and the files come to. */
export async function benchEngines(options: EngineBenchOptions): Promise<void> {
  const { print, keys, valueBytes, rounds } = options;
  const root = await mkdtemp(join(options.folder, 'tinykv-bench-engines-'));
  const names = Object.keys(openers) as Name[];
  const engines = new Map<string, KvEngine>();
  try {
    for (const name of names) engines.set(name, await openers[name](join(root, name)));
    print(`${keys} keys, values of ${valueBytes} bytes, ${rounds} rounds; in brackets: by level`);
    for (const [row, work] of Object.entries(works)) {
      const figures = await measureInTurns(names, rounds, async (name, round) => {
        const prng = new Prng(round + 1);
        const startedAt = performance.now();
        const count = await work(engines.get(name)!, options, prng);
        return ((performance.now() - startedAt) * 1000) / count;
      });
      print(describeRow(row, figures, 'us/op'));
    }
    const kept = names.filter((name) => name !== 'memory');
    const starts = await measureInTurns(kept, rounds, async (name) => {
      await engines.get(name)!.close();
      const startedAt = performance.now();
      engines.set(name, await openers[name as Name](join(root, name)));
      return performance.now() - startedAt;
    });
    print(describeRow('start', starts, 'ms'));
    const sizes = new Map<string, number[]>();
    for (const name of kept) sizes.set(name, [(await folderBytes(join(root, name))) / 1_048_576]);
    print(describeRow('files', sizes, 'MiB'));
  } finally {
    for (const engine of engines.values()) await engine.close();
    await rm(root, { recursive: true });
  }
}

async function put(
  engine: KvEngine,
  keys: readonly Uint8Array[],
  value: Uint8Array,
  sync: boolean,
): Promise<void> {
  const batch = engine.batch();
  for (const key of keys) batch.put(key, value);
  await engine.write(batch, { sync });
}

export function keyOf(i: number): Uint8Array {
  return utf8(`user${String(i).padStart(10, '0')}`);
}

export function filledValue(bytes: number, fill: number): Uint8Array {
  return new Uint8Array(bytes).fill(fill);
}

async function folderBytes(path: string): Promise<number> {
  const sizes = (await readdir(path)).map(async (name) => (await stat(join(path, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
