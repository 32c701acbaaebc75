import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort, Program } from './process.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
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

/** The examples of the page in order, and what their comments say that they print. */
function examples(): { readonly code: string; readonly prints: readonly string[] } {
  const text = readFileSync(join(root, 'docs/client.md'), 'utf8');
  const code = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]).join('\n');
  const prints = [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$|^ *\/\/ (.+)$/gm)];
  return { code, prints: prints.map(([, behind, below]) => behind ?? below!) };
}

it('the examples of docs/client.md run and print what they say', { timeout: 60_000 }, () => {
  const { code, prints } = examples();
  expect(prints.length).toBeGreaterThan(10);
  expect(code).toContain(DOCUMENTED);
  mkdirSync(dirname(program), { recursive: true });
  writeFileSync(program, code.replaceAll(DOCUMENTED, address));
  const tsx = join(root, 'node_modules/.bin/tsx');
  const run = spawnSync(tsx, [program], { encoding: 'utf8', timeout: 30_000 });
  expect(run.stderr).toBe('');
  expect(run.stdout.trim().split('\n')).toEqual(prints);
  expect(run.status).toBe(0);
});
