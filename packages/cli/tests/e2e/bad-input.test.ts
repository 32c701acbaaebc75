import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KvError, utf8 } from '@tinykv/base';
import { Client } from '@tinykv/client';
import { createEnv } from '@tinykv/env-real';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runBadInput } from '../scenarios/bad-input.js';
import { badInputSizes, isLong } from '../scenarios/sizes.js';
import { freePort, Program, runProgram } from './process.js';

it('random bytes at every port bring errors and nothing else', { timeout: 600_000 }, async () => {
  const sizes = badInputSizes(isLong);
  const result = await runBadInput({ ...sizes, print: (line) => console.log(line) });
  console.log(JSON.stringify(result));
  expect(result.sent).toBe(sizes.strings);
  expect(result.refused).toBeGreaterThan(0);
  expect(result.survived).toBe(true);
  expect(result.served).toBe('still here');
});

/** A scheduler and one store with some keys, whose folders a test may harm. */
describe('a damaged disk', { timeout: 300_000 }, () => {
  let folder: string;
  let ports: readonly [number, number];
  let running: Program[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tinykv-damage-'));
    ports = [await freePort(), await freePort()];
    running = [];
  });
  afterEach(() => {
    for (const { child } of running) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  const startScheduler = (): Program =>
    start('scheduler', `--client-urls=http://127.0.0.1:${ports[0]}`, `--data-dir=${folder}/s`);
  const startStore = (data = `${folder}/t`): Program =>
    start(
      'tinykv-server',
      `--scheduler=127.0.0.1:${ports[0]}`,
      `--addr=127.0.0.1:${ports[1]}`,
      `--path=${data}`,
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
      if (!statSync(path).isFile() || statSync(path).size === 0 || /LOCK|LOG/.test(name)) continue;
      const kind = name.replace(/\d+/g, 'N');
      const known = found.get(kind);
      if (known === undefined || statSync(known).size < statSync(path).size) found.set(kind, path);
    }
    return found;
  }

  it('one flipped bit in each kind of file: no wrong answer, and never a silent one', async () => {
    const scheduler = startScheduler();
    await scheduler.waitFor(/"ready"/);
    const first = startStore();
    await first.waitFor(/"ready"/);
    await withClient(write);
    await end(first);
    cpSync(`${folder}/t`, `${folder}/good`, { recursive: true });
    const kinds = [...filesByKind(`${folder}/t`).keys()];
    expect(kinds.length).toBeGreaterThan(3);
    for (const kind of kinds) {
      rmSync(`${folder}/t`, { recursive: true });
      cpSync(`${folder}/good`, `${folder}/t`, { recursive: true });
      const path = filesByKind(`${folder}/t`).get(kind)!;
      const bytes = readFileSync(path);
      bytes[Math.floor(bytes.length / 2)]! ^= 0x10;
      writeFileSync(path, bytes);
      const outcome = await outcomeOf(startStore());
      console.log(`${kind}: ${outcome}`);
      expect(outcome, kind).not.toContain('wrong');
    }
    rmSync(`${folder}/t`, { recursive: true });
    cpSync(`${folder}/good`, `${folder}/t`, { recursive: true });
    expect(await outcomeOf(startStore())).toBe('served all');
  });

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
    const read = await withClient(async (client) => {
      const found = await Promise.all(
        Array.from({ length: KEYS }, (_, i) =>
          client.raw.get(key(i), { timeoutMs: 3_000 }).then(
            (bytes) =>
              Buffer.compare(bytes ?? utf8('nothing'), value(i)) === 0 ? 'right' : 'wrong',
            (error: unknown) => {
              if (!(error instanceof KvError)) throw error;
              return 'refused';
            },
          ),
        ),
      );
      return [...new Set(found)].sort().join(' and ');
    });
    store.child.kill('SIGKILL');
    await store.ended;
    return read === 'right' ? 'served all' : `served: ${read}`;
  }

  it('a full disk: writes fail, the store says why, and serves again with room', async () => {
    const mount = `${folder}/small`;
    mkdirSync(mount);
    if (!mountTmpfs(mount)) {
      console.log('left out: mounting a tmpfs needs root');
      return;
    }
    try {
      const scheduler = startScheduler();
      await scheduler.waitFor(/"ready"/);
      const store = startStore(`${mount}/t`);
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
      expect(await outcomeOf(startStore(`${mount}/t`))).toBe('served all');
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
