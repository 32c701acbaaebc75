import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocks, root, section, wordsOf } from '../docs/code-blocks.js';
import { isAlive, Program, runProgram } from './process.js';

/** "Running the servers one by one", typed line by line; only the ports and the folder are ours. */
const [block] = blocks(section('README.md', 'Running the servers one by one'), 'sh');
/** Every port of README is moved by this, so that status pages follow their services as they do there. */
const SHIFT = 5_000;
const SERVERS = /^scripts\/(scheduler|tinykv-server|tinykv-gateway) /;

let folder: string;
const running: Program[] = [];

function moved(line: string): string {
  return line
    .replaceAll('/var/lib/tinykv', folder)
    .replace(/(127\.0\.0\.1:|-p )(\d+)/g, (_all, before: string, port: string) => {
      return `${before}${Number(port) + SHIFT}`;
    });
}

const lines = (isServer: boolean): string[] =>
  block!.split('\n').filter((line) => line !== '' && SERVERS.test(line) === isServer);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tinykv-readme-'));
});
afterAll(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  await Promise.all(running.map((program) => program.ended));
  rmSync(folder, { recursive: true, force: true });
});

describe("README's servers, one by one", { timeout: 180_000 }, () => {
  it('start as they are written, three stores on one machine among them', async () => {
    const servers = lines(true);
    expect(servers.map((line) => wordsOf(line)[0])).toEqual([
      'scripts/scheduler',
      ...Array.from({ length: 3 }, () => 'scripts/tinykv-server'),
      'scripts/tinykv-gateway',
    ]);
    const pages: string[] = [];
    for (const line of servers) {
      const [launcher, ...args] = wordsOf(moved(line));
      const program = Program.at(join(root, launcher!), args);
      running.push(program);
      const [, page] = await program.waitFor(/"status":"([^"]+)","msg":"ready"/, 60_000);
      pages.push(page!);
    }
    const ports = [2381, 20_180, 20_181, 20_182, 6381];
    expect(pages).toEqual(ports.map((port) => `127.0.0.1:${port + SHIFT}`));
  });

  it('serve the commands below them', () => {
    const scheduler = `127.0.0.1:${2379 + SHIFT}`;
    const env = { ...process.env, TINYKV_SCHEDULER: scheduler };
    const outputs = lines(false).map((line) => {
      const shell = spawnSync('sh', ['-c', moved(line)], { cwd: root, env, encoding: 'utf8' });
      expect(shell.status, `${line}\n${shell.stdout}${shell.stderr}`).toBe(0);
      return shell.stdout;
    });
    expect(outputs.slice(0, 2)).toEqual(['OK\n', 'world\n']);
    expect(outputs[2]!.match(/ Up /g)).toHaveLength(3);
  });

  it('tell a user who took one for another, or an address twice, what to do', async () => {
    const ctl = (port: number) =>
      runProgram('tinykv', ['ctl', '--scheduler', `127.0.0.1:${port + SHIFT}`, 'stores']);
    const store = await ctl(20_160);
    expect(store.output).toContain(`127.0.0.1:${20_160 + SHIFT} is a store, not a scheduler`);
    const gateway = await ctl(6379);
    expect(gateway).toMatchObject({ code: 3 });
    expect(gateway.output).toMatch(
      /^tinykv: cannot reach the scheduler at 127\.0\.0\.1:\d+; is it running\? \([a-z ]+\)\n$/,
    );
    const [launcher, ...args] = wordsOf(moved(lines(true)[1]!));
    const twice = args.map((arg) => (arg.startsWith('/') ? join(folder, 'twice') : arg));
    const second = Program.at(join(root, launcher!), [...twice, '--status-addr=']);
    expect(await second.ended).toBe(1);
    expect(second.output).toMatch(
      /in use by store \d+ \(process \d+\); stop that process, or choose another address with --addr$/m,
    );
  });

  it('go on without a status page when its port is taken, and one line says so', async () => {
    // The page of this store would be where the second store has its own.
    const [launcher, ...args] = wordsOf(moved(lines(true)[2]!));
    const other = args.map((arg) => (arg.startsWith('/') ? join(folder, 'store-4') : arg));
    const addr = other.indexOf('--addr') + 1;
    other[addr] = other[addr]!.replace('127.0.0.1', '127.0.0.2');
    const program = Program.at(join(root, launcher!), other);
    running.push(program);
    await program.waitFor(/"msg":"ready"/, 60_000);
    expect(
      program.output.match(/no status page: choose an address with --status-addr/g),
    ).toHaveLength(1);
    expect(program.output).toContain(`cannot listen on 127.0.0.1:${20_181 + SHIFT}`);
    expect(isAlive(program.child.pid!)).toBe(true);
  });
});
