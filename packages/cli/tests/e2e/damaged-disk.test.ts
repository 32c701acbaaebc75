import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { KvError, utf8 } from '@tinykv/base';
import { Client } from '@tinykv/client';
import { createEnv } from '@tinykv/env-real';
import { AdminConnection, waitReady } from '@tinykv/kvs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isLong } from '../scenarios/sizes.js';
import { freePort, Program, pause, runProgram } from './process.js';

/** A scheduler and stores with some keys, whose folders a test may harm. */
describe('a damaged disk', { timeout: 300_000 }, () => {
  let folder: string;
  /** Of the scheduler, and of stores. */
  let ports: readonly number[];
  let running: Program[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tinykv-damage-'));
    ports = await Promise.all(Array.from({ length: 5 }, freePort));
    running = [];
  });
  afterEach(() => {
    for (const { child } of running) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  const startScheduler = (): Program =>
    start('scheduler', `--client-urls=http://127.0.0.1:${ports[0]}`, `--data-dir=${folder}/s`);
  const startStore = (data = `${folder}/t`, port = ports[1], ...more: string[]): Program =>
    start(
      'tinykv-server',
      `--scheduler=127.0.0.1:${ports[0]}`,
      `--addr=127.0.0.1:${port}`,
      `--path=${data}`,
      '--region-heartbeat-interval=1s',
      '--store-heartbeat-interval=1s',
      ...more,
    );
  const start = (name: string, ...args: string[]): Program => {
    const program = new Program(name, [...args, '--status-addr=']);
    running.push(program);
    return program;
  };

  async function end(program: Program): Promise<void> {
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
  }

  async function withClient<T>(use: (client: Client) => Promise<T>): Promise<T> {
    const env = createEnv({ name: 'test', logLevel: 'fatal' });
    const client = await Client.connect(env, { scheduler: `127.0.0.1:${ports[0]}` });
    try {
      return await use(client);
    } finally {
      await client.close();
      await env.close();
    }
  }

  async function crash(program: Program): Promise<void> {
    program.child.kill('SIGKILL');
    await program.ended;
  }

  const key = (i: number): Uint8Array => utf8(`damage/${i}`);
  const KEYS = 200;
  const value = (i: number): Uint8Array => utf8(`value ${i} `.repeat(20));
  const write = (client: Client): Promise<unknown> =>
    Promise.all(Array.from({ length: KEYS }, (_, i) => client.raw.put(key(i), value(i))));

  /** Files that hold state, by kind; the largest of each. */
  function filesByKind(root: string): Map<string, string> {
    const found = new Map<string, string>();
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      const path = join(root, name);
      if (!statSync(path).isFile() || statSync(path).size === 0 || /LOCK|LOG|RESERVE/.test(name))
        continue;
      const kind = name.replace(/\d+/g, 'N');
      const known = found.get(kind);
      if (known === undefined || statSync(known).size < statSync(path).size) found.set(kind, path);
    }
    return found;
  }

  /** Flips one bit somewhere in the largest file of a kind; returns the file. */
  function flipBit(root: string, kind: string): string {
    const path = filesByKind(root).get(kind);
    if (path === undefined) throw new Error(`${root} has no ${kind}`);
    const bytes = readFileSync(path);
    const at = randomInt(usedBytes(bytes, kind));
    const bit = randomInt(8);
    bytes[at]! ^= 1 << bit;
    writeFileSync(path, bytes);
    console.log(`${kind}: bit ${bit} of byte ${at} of ${bytes.length}`);
    return path;
  }

  /** That a program with a damaged file ends with 1, and its last line says which file, and what to read. */
  async function expectRefusal(program: Program, file: string): Promise<void> {
    expect(await program.ended).toBe(1);
    const line = program.output.trimEnd().split('\n').at(-1)!;
    console.log(line);
    expect(line).toMatch(/ is damaged: .* \(see docs\/errors\.md\)$/);
    expect(line).toContain(basename(file));
  }

  const rounds = isLong ? 10 : 1;

  it('one flipped bit in each kind of file of a store: it says which, and does not start', async () => {
    const scheduler = startScheduler();
    await scheduler.waitFor(/"ready"/);
    // Crashes leave logs to recover, and the start after one makes tables of them.
    for (let start = 0; start < 2; start++) {
      const store = startStore();
      await store.waitFor(/"ready"/);
      await withClient(write);
      await crash(store);
    }
    cpSync(`${folder}/t`, `${folder}/good`, { recursive: true });
    const kinds = [...filesByKind(`${folder}/t`).keys()];
    const levelFiles = ['CURRENT', 'MANIFEST-N', 'N.ldb', 'N.log'];
    expect(kinds.sort()).toEqual([
      'FORMAT',
      ...levelFiles.map((name) => `kv/${name}`),
      'raft/N.seg',
    ]);
    for (const kind of kinds.flatMap((each) => Array.from({ length: rounds }, () => each))) {
      const file = flipBit(`${folder}/t`, kind);
      await expectRefusal(startStore(), file);
      rmSync(`${folder}/t`, { recursive: true });
      cpSync(`${folder}/good`, `${folder}/t`, { recursive: true });
    }
    expect(await outcomeOf(startStore())).toBe('served all');
  });

  it('one flipped bit in each kind of file of the scheduler: it does not start either', async () => {
    for (let start = 0; start < 2; start++) {
      const scheduler = startScheduler();
      await scheduler.waitFor(/"ready"/);
      const store = startStore();
      await store.waitFor(/"ready"/);
      await withClient(write);
      await crash(store);
      await crash(scheduler);
    }
    cpSync(`${folder}/s`, `${folder}/good`, { recursive: true });
    const kinds = [...filesByKind(`${folder}/s`).keys()];
    expect(kinds).toEqual(expect.arrayContaining(['FORMAT', 'raft/N.seg']));
    for (const kind of kinds) {
      const file = flipBit(`${folder}/s`, kind);
      await expectRefusal(startScheduler(), file);
      rmSync(`${folder}/s`, { recursive: true });
      cpSync(`${folder}/good`, `${folder}/s`, { recursive: true });
    }
    await startScheduler().waitFor(/"ready"/);
  });

  it.each(isLong ? ['kv/N.log', 'raft/N.seg'] : ['raft/N.seg'])(
    'a flipped bit in %s of one of three stores: two serve on, and the store is replaced',
    async (kind) => {
      const env = createEnv({ name: 'test', logLevel: 'fatal' });
      const connection = new AdminConnection(env, [`127.0.0.1:${ports[0]}`]);
      const ready = async (stores: number): Promise<void> => {
        const admin = (): ReturnType<AdminConnection['get']> => connection.get();
        const wait = { admin, stores, gatewayStatus: undefined, aborted: () => false };
        expect(await waitReady({ ...wait, timeoutMs: 60_000 })).toBeUndefined();
      };
      try {
        await startScheduler().waitFor(/"ready"/);
        const stores = [1, 2, 3].map((i) => startStore(`${folder}/t${i}`, ports[i]));
        for (const store of stores) await store.waitFor(/"ready"/);
        await ready(3);
        const victim = 1 + randomInt(3);
        const data = `${folder}/t${victim}`;
        await withClient(write);
        await hasWritten(data, kind);
        await crash(stores[victim - 1]!);
        cpSync(data, `${folder}/good`, { recursive: true });
        await expectRefusal(startStore(data, ports[victim]), flipBit(data, kind));
        await withClient(write);
        expect(await withClient(readAll)).toBe('right');

        // Restored from a copy, it goes on where it crashed.
        rmSync(data, { recursive: true });
        renameSync(`${folder}/good`, data);
        const restored = startStore(data, ports[victim]);
        await restored.waitFor(/"ready"/);
        await withClient(write);
        await hasWritten(data, kind);
        await crash(restored);
        await expectRefusal(startStore(data, ports[victim]), flipBit(data, kind));

        // Replaced: a new store in an empty folder, under a free address, then the old one is given up.
        const admin = await connection.get();
        const old = (await admin.clusterStatus()).stores.find(({ store }) =>
          store.address.endsWith(`:${ports[victim]}`),
        )!.store.id;
        rmSync(data, { recursive: true });
        const replaced = startStore(data, ports[4]);
        await replaced.waitFor(/"ready"/);
        const ctl = ['ctl', `--scheduler=127.0.0.1:${ports[0]}`, 'store', 'offline', `${old}`];
        expect(await runProgram('tinykv', ctl)).toMatchObject({ code: 0 });
        await until(async () => (await storeState(connection, old)) === 'tombstone');
        await ready(3);

        // It holds all: without one of the other two it makes the majority.
        await crash(stores[victim % 3]!);
        expect(await withClient(readAll)).toBe('right');
        await withClient(write);
      } finally {
        connection.close();
        await env.close();
      }
    },
  );

  /** A follower lags behind what is acknowledged. */
  function hasWritten(data: string, kind: string): Promise<void> {
    const valueBytes = value(0).length * KEYS;
    return until(() => {
      const log = filesByKind(data).get(kind);
      const used = log === undefined ? 0 : usedBytes(readFileSync(log), kind);
      return Promise.resolve(used > valueBytes);
    });
  }

  async function until(isSo: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (!(await isSo())) {
      expect(performance.now()).toBeLessThan(deadline);
      await pause();
    }
  }

  async function storeState(connection: AdminConnection, id: number): Promise<string | undefined> {
    const { stores } = await (await connection.get()).clusterStatus();
    return stores.find(({ store }) => store.id === id)?.store.state;
  }

  /** What a store with that folder does: refuses to start, stops, or serves what is right. */
  async function outcomeOf(store: Program): Promise<string> {
    const isUp = await Promise.race([
      store.waitFor(/"ready"/).then(
        () => true,
        () => false,
      ),
      store.ended.then(() => false),
    ]);
    if (!isUp) return `did not start: ${store.output.trim().split('\n').at(-1)?.slice(0, 200)}`;
    const read = await withClient(readAll);
    await crash(store);
    return read === 'right' ? 'served all' : `served: ${read}`;
  }

  async function readAll(client: Client): Promise<string> {
    const found = await Promise.all(
      Array.from({ length: KEYS }, (_, i) =>
        client.raw.get(key(i), { timeoutMs: 30_000 }).then(
          (bytes) => (Buffer.compare(bytes ?? utf8('nothing'), value(i)) === 0 ? 'right' : 'wrong'),
          (error: unknown) => {
            if (!(error instanceof KvError)) throw error;
            return 'refused';
          },
        ),
      ),
    );
    return [...new Set(found)].sort().join(' and ');
  }

  it('a full disk: writes fail, the store says why, and serves again with room', async ({
    skip,
  }) => {
    const mount = `${folder}/small`;
    mkdirSync(mount);
    if (!mountTmpfs(mount)) skip('mounting a tmpfs needs root');
    try {
      const scheduler = startScheduler();
      await scheduler.waitFor(/"ready"/);
      // No floor and no reserve: the disk runs full under what the store writes.
      const startSmall = (): Program =>
        startStore(`${mount}/t`, ports[1], '--min-free-space=0', '--reserve-space=0');
      const store = startSmall();
      await store.waitFor(/"ready"/);
      await withClient(write);
      const filler = `${mount}/filler`;
      fill(filler);
      const failed = await withClient((client) =>
        client.raw.put(utf8('more'), new Uint8Array(1_000_000), { timeoutMs: 5_000 }).then(
          () => undefined,
          (error: unknown) => error,
        ),
      );
      expect(failed).toBeInstanceOf(KvError);
      expect(scheduler.child.exitCode).toBeNull();
      if (store.child.exitCode === null) store.child.kill('SIGKILL');
      await store.ended;
      rmSync(filler);
      expect(await outcomeOf(startSmall())).toBe('served all');
    } finally {
      for (const { child, ended } of running) {
        child.kill('SIGKILL');
        await ended;
      }
      execFileSync('umount', [mount]);
    }
  });

  function mountTmpfs(path: string): boolean {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', path], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }

  /** Takes all the room that is left. */
  function fill(path: string): void {
    try {
      writeFileSync(path, new Uint8Array(64 * 1024 * 1024));
    } catch {
      // No space left on device: that was the purpose.
    }
    expect(existsSync(path)).toBe(true);
  }

  it('a scheduler whose folder is damaged does not start', async () => {
    const scheduler = startScheduler();
    await scheduler.waitFor(/"ready"/);
    await end(scheduler);
    writeFileSync(`${folder}/s/FORMAT`, 'not a record');
    const again = await runProgram('scheduler', [
      `--client-urls=http://127.0.0.1:${ports[0]}`,
      `--data-dir=${folder}/s`,
      '--status-addr=',
    ]);
    expect(again.code).toBe(1);
    expect(again.output).toContain('is damaged');
  });
});

/** How much of a file says something: the footer of a table has zeros, and a segment is longer than what it holds. */
function usedBytes(bytes: Uint8Array, kind: string): number {
  if (kind.endsWith('.ldb')) return bytes.length - 48;
  return kind.endsWith('.seg') ? bytes.findLastIndex((byte) => byte !== 0) + 1 : bytes.length;
}
