import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorMessage, utf8 } from '@tinykv/base';
import { Client } from '@tinykv/client';
import { createEnv } from '@tinykv/env-real';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isLong } from '../scenarios/sizes.js';
import { freePort, Program } from './process.js';

const BYTES = 1_048_576;
/** More than the disk holds. */
const PUTS = 1_024;
const DISK = '768m';
/** Room that a compaction of LevelDB may take: five tables of a write buffer, and what they overlap. */
const RESERVE = '192MiB';
const TIMEOUT_MS = 3_000;

let folder: string;
let disk: string;
let mounted: boolean;
let running: Program[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tinykv-reserve-'));
  disk = join(folder, 'disk');
  mkdirSync(disk);
  mounted = false;
  running = [];
});
afterEach(async () => {
  for (const { child, ended } of running) {
    child.kill('SIGKILL');
    await ended;
  }
  if (mounted) execFileSync('umount', [disk]);
  rmSync(folder, { recursive: true, force: true });
});

/** A small disk for the store; false: not without root. */
function mountDisk(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', disk], {
      stdio: 'ignore',
    });
  } catch {
    return false;
  }
  mounted = true;
  return true;
}

/** Another user of the disk takes all that is left of it. */
function takeTheRest(): void {
  const file = openSync(join(disk, 'ballast'), 'a');
  try {
    for (const bytes of [1_048_576, 4_096]) {
      const block = new Uint8Array(bytes).fill(1);
      // Until it throws ENOSPC, which is all the same to the caller.
      for (;;) if (!isTaken(file, block)) break;
    }
  } finally {
    closeSync(file);
  }
}

function isTaken(file: number, block: Uint8Array): boolean {
  try {
    return writeSync(file, block) === block.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

function start(name: string, ...args: string[]): Program {
  const program = new Program(name, args);
  running.push(program);
  return program;
}

async function until(what: string, isDone: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await isDone())) {
    if (performance.now() > deadline) throw new Error(`${what} did not come`);
  }
}

/** A cluster of one store on the small disk, and a client of it. */
async function begin(engine: string, minFree: string) {
  const scheduler = `127.0.0.1:${await freePort()}`;
  const port = await freePort();
  const args = [`--client-urls=http://${scheduler}`, `--data-dir=${folder}/s`, '--status-addr='];
  await start('scheduler', ...args).waitFor(/"ready"/);
  const startStore = async (): Promise<Program> => {
    const store = start(
      'tinykv-server',
      `--scheduler=${scheduler}`,
      `--addr=127.0.0.1:${port}`,
      '--status-addr=',
      `--path=${disk}/t`,
      `--engine=${engine}`,
      `--reserve-space=${RESERVE}`,
      `--min-free-space=${minFree}`,
    );
    await store.waitFor(/"ready"/);
    return store;
  };
  const store = await startStore();
  await store.waitFor(/reserve of disk space is kept/);
  const env = createEnv({ name: 'test', logLevel: 'fatal' });
  const client = await Client.connect(env, { scheduler });
  expect(await outcome(client.raw.put(utf8('first'), utf8('x')))).toBe('ok');
  const close = async (): Promise<void> => {
    await client.close();
    await env.close();
  };
  return { store, startStore, client, close };
}

function outcome(done: Promise<unknown>): Promise<string> {
  return done.then(
    () => 'ok',
    (error: unknown) => errorMessage(error),
  );
}

function put(client: Client, i: number): Promise<string> {
  const value = new Uint8Array(BYTES).fill(i % 251);
  return outcome(client.raw.put(utf8(`${i}`), value, { timeoutMs: TIMEOUT_MS }));
}

function remove(client: Client, i: number): Promise<string> {
  return outcome(client.raw.delete(utf8(`${i}`), { timeoutMs: TIMEOUT_MS }));
}

/** By a transaction. */
function change(client: Client, value: string | undefined): Promise<string> {
  const run = client.txn.run(
    async (txn) => {
      if (value === undefined) txn.delete(utf8('txn'));
      else txn.put(utf8('txn'), utf8(value));
    },
    { timeoutMs: TIMEOUT_MS },
  );
  return outcome(run);
}

/** Puts until there is no room, or the store has ended for the lack of it; how many were done. */
async function putMany(client: Client, store: Program): Promise<number> {
  let done = 0;
  while (done < PUTS && store.child.exitCode === null) {
    const said = await put(client, done);
    if (said === 'ok') done++;
    // A busy machine may be late with an answer.
    else if (/disk full|disk of the Raft log/.test(said)) break;
  }
  expect(done).toBeGreaterThan(50);
  expect(done).toBeLessThan(PUTS);
  return done;
}

/** A put is, and why; a busy machine may be late with the answer. */
async function isRefused(client: Client): Promise<void> {
  await until('a refusal', async () => {
    const said = await put(client, PUTS);
    expect(said).not.toBe('ok');
    return said.includes('disk full');
  });
}

async function firstByte(client: Client, i: number): Promise<number | undefined> {
  return (await client.raw.get(utf8(`${i}`), { timeoutMs: 30_000 }))?.[0];
}

const title = 'a store with the engine %s on a disk that others fill';
describe.each(isLong ? ['level', 'log'] : ['level'])(title, { timeout: 240_000 }, (engine) => {
  beforeEach((context) => {
    if (mountDisk()) return;
    console.log('left out: mounting a tmpfs needs root');
    context.skip();
  });

  it('refuses puts, starts on the full disk after kill -9, deletes, and takes puts again with room', async () => {
    const { store, startStore, client, close } = await begin(engine, RESERVE);
    try {
      expect(await change(client, 'before')).toBe('ok');
      const acked = await putMany(client, store);
      await isRefused(client);
      expect(await change(client, 'refused')).not.toBe('ok');
      const value = await client.txn.run((txn) => txn.get(utf8('txn')));
      expect(value).toEqual(utf8('before'));
      expect(await remove(client, 0)).toBe('ok');
      expect(await change(client, undefined)).toBe('ok');
      expect(store.child.exitCode).toBeNull();

      takeTheRest();
      store.child.kill('SIGKILL');
      await store.ended;
      takeTheRest();
      const second = await startStore();
      expect(second.output).toContain('reserve of disk space is given up');
      expect(await remove(client, 1)).toBe('ok');
      await isRefused(client);
      expect(await firstByte(client, acked - 1)).toBe((acked - 1) % 251);
      expect(await firstByte(client, 0)).toBeUndefined();
      expect(await firstByte(client, 1)).toBeUndefined();

      rmSync(join(disk, 'ballast'));
      execFileSync('mount', ['-o', 'remount,size=1500m', disk]);
      await until('a put', async () => (await put(client, PUTS)) === 'ok');
      await second.waitFor(/reserve of disk space is kept/);
      second.child.kill('SIGKILL');
      await second.ended;
      await startStore();
      expect(await firstByte(client, PUTS)).toBe(PUTS % 251);
    } finally {
      await close();
    }
  });

  // At full size alone: a minute for what the damaged disk shows of a full one, too.
  if (isLong) {
    it('without a floor stops with one line when it finds no room, and starts again', async () => {
      const { store, startStore, client, close } = await begin(engine, '0');
      try {
        const acked = await putMany(client, store);
        takeTheRest();
        // The Raft log may be the first to find no room: it waits for some, and the store lives.
        await store.waitFor(/stopped: the disk is full|the disk of the raft log is full/);
        store.child.kill('SIGKILL');
        await store.ended;
        expect(store.output).not.toContain('"stack"');
        await startStore();
        expect(await firstByte(client, acked - 1)).toBe((acked - 1) % 251);
        expect(await remove(client, 0)).toBe('ok');
        expect(await firstByte(client, 0)).toBeUndefined();
      } finally {
        await close();
      }
    });
  }
});
