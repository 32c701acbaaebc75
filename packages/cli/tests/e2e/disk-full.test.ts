import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorMessage, utf8 } from '@tinykv/base';
import { Client } from '@tinykv/client';
import { createEnv } from '@tinykv/env-real';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { freePort, Program } from './process.js';

/** Puts until one fails; more than the disk of the log holds. */
const PUTS = 64;
const BYTES = 262_144;

let folder: string;
let raft: string;
let mounted: boolean;
let running: Program[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tinykv-full-'));
  raft = join(folder, 't/raft');
  mounted = false;
  running = [];
});
afterEach(async () => {
  for (const { child, ended } of running) {
    child.kill('SIGKILL');
    await ended;
  }
  if (mounted) execFileSync('umount', [raft]);
  rmSync(folder, { recursive: true, force: true });
});

/** Moves the Raft log of a store that does not run to a small disk of its own; false: not without root. */
function moveLog(): boolean {
  const copy = (from: string, to: string): void => {
    execFileSync('cp', ['-a', '--sparse=always', `${from}/.`, to]);
  };
  const kept = join(folder, 'kept');
  mkdirSync(kept);
  copy(raft, kept);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', raft], { stdio: 'ignore' });
  } catch {
    return false;
  }
  mounted = true;
  copy(kept, raft);
  return true;
}

function start(name: string, ...args: string[]): Program {
  const program = new Program(name, args);
  running.push(program);
  return program;
}

it('a store whose Raft log has no room serves reads, says why it takes no writes, and takes them again with room', {
  timeout: 120_000,
}, async ({ skip }) => {
  const [schedulerPort, port, statusPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const scheduler = `127.0.0.1:${schedulerPort}`;
  await start(
    'scheduler',
    `--client-urls=http://${scheduler}`,
    `--data-dir=${folder}/s`,
    '--status-addr=',
  ).waitFor(/"ready"/);
  const startStore = async (): Promise<Program> => {
    const store = start(
      'tinykv-server',
      `--scheduler=${scheduler}`,
      `--addr=127.0.0.1:${port}`,
      `--status-addr=127.0.0.1:${statusPort}`,
      `--path=${folder}/t`,
    );
    await store.waitFor(/"ready"/);
    return store;
  };
  const first = await startStore();
  first.child.kill('SIGTERM');
  await first.ended;
  if (!moveLog()) skip('mounting a tmpfs needs root');
  const store = await startStore();
  const readOnly = async (): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${statusPort}/status`);
    return ((await response.json()) as { readOnly: string }).readOnly;
  };
  const env = createEnv({ name: 'test', logLevel: 'fatal' });
  const client = await Client.connect(env, { scheduler });
  const value = (i: number): Uint8Array => new Uint8Array(BYTES).fill(i + 1);
  const put = (i: number): Promise<string> =>
    client.raw.put(utf8(`${i}`), value(i), { timeoutMs: 3_000 }).then(
      () => 'ok',
      (error: unknown) => errorMessage(error),
    );
  try {
    let acked = 0;
    while (acked < PUTS && (await put(acked)) === 'ok') acked++;
    expect(acked).toBeGreaterThan(0);
    expect(acked).toBeLessThan(PUTS);
    expect(await readOnly()).toContain('the disk of the Raft log is full');
    expect(store.output).toMatch(/ENOSPC.*the disk of the raft log is full: read-only/);
    console.log(await put(PUTS));
    expect(await client.raw.get(utf8('0'), { timeoutMs: 3_000 })).toEqual(value(0));
    expect(store.child.exitCode).toBeNull();

    execFileSync('mount', ['-o', 'remount,size=256m', raft]);
    await store.waitFor(/has room/);
    expect(await readOnly()).toBe('');
    expect(await put(PUTS + 1)).toBe('ok');
    store.child.kill('SIGKILL');
    await store.ended;
    await startStore();
    for (let i = 0; i < acked; i++) {
      const found = await client.raw.get(utf8(`${i}`), { timeoutMs: 30_000 });
      expect(found?.[0], `put ${i}`).toBe(i + 1);
    }
    expect((await client.raw.get(utf8(`${PUTS + 1}`)))?.[0]).toBe(PUTS + 2);
  } finally {
    await client.close();
    await env.close();
  }
});
