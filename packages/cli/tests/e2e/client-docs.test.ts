import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { blocks, read, root } from '../docs/code-blocks.js';
import { freePort, Program } from './process.js';

/** Inside the package, from where the client's own name is found. */
const program = join(root, 'packages/cli/node_modules/.cache/docs/client.mts');
const DOCUMENTED = '127.0.0.1:2379';

let folder: string;
let store: Program;
let address: string;

beforeAll(async () => {
  address = `127.0.0.1:${await freePort()}`;
  folder = mkdtempSync(join(tmpdir(), 'tinykv-client-docs-'));
  const args = ['--raft=false', '--engine=memory', `--path=${folder}`, `--addr=${address}`];
  store = new Program('tinykv-server', [...args, '--status-addr=']);
  await store.waitFor(/serving|ready/);
});
afterAll(async () => {
  store.child.kill('SIGKILL');
  await store.ended;
  for (const path of [folder, dirname(program)]) rmSync(path, { recursive: true, force: true });
});

/** The examples of a page in order, as one program, and what their comments say that they print. */
function examples(page: string): { readonly code: string; readonly prints: readonly string[] } {
  const code = blocks(read(page), 'ts').join('\n');
  const prints = [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$|^ *\/\/ (.+)$/gm)];
  return { code, prints: prints.map(([, behind, below]) => behind ?? below!) };
}

/** In a folder of its own, to its end. */
function runProgram(code: string) {
  mkdirSync(dirname(program), { recursive: true });
  writeFileSync(program, code);
  const tsx = join(root, 'node_modules/.bin/tsx');
  return spawnSync(tsx, [program], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
}

it('the program of docs/internals/kvs.md runs, prints what it says, and ends', {
  timeout: 90_000,
}, () => {
  const { code, prints } = examples('docs/internals/kvs.md');
  const run = runProgram(code);
  expect(run).toMatchObject({ stderr: '', stdout: `${prints.join('\n')}\n`, status: 0 });
});

it('the examples of docs/client.md run and print what they say', { timeout: 60_000 }, () => {
  const { code, prints } = examples('docs/client.md');
  expect(prints.length).toBeGreaterThan(10);
  expect(code).toContain(DOCUMENTED);
  const run = runProgram(code.replaceAll(DOCUMENTED, address));
  expect(run.stderr).toBe('');
  expect(run.stdout.trim().split('\n')).toEqual(prints);
  expect(run.status).toBe(0);
});
