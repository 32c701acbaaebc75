import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocks, root, section } from '../docs/code-blocks.js';
import { freePort, Program } from './process.js';

/** README's program, in README's folder, by README's commands: nothing of this repository is above the folder. */
const text = section('README.md', 'From a TypeScript program');
const [setUp, run] = blocks(text, 'sh');
const [program] = blocks(text, 'ts');
const DOCUMENTED_FOLDER = '../hello-tinykv';
const DOCUMENTED_SCHEDULER = '127.0.0.1:2379';

let temporary: string;
let folder: string;
let address: string;
let store: Program | undefined;

/** Lines of a block, typed into one shell. */
function type(lines: string, cwd: string) {
  const env = { ...process.env, npm_config_prefer_offline: 'true', npm_config_fund: 'false' };
  const shell = spawnSync('sh', ['-ec', lines], { cwd, env, encoding: 'utf8', timeout: 240_000 });
  return { code: shell.status, out: shell.stdout, err: shell.stderr };
}

beforeAll(async () => {
  temporary = mkdtempSync(join(tmpdir(), 'tinykv-packed-'));
  folder = join(temporary, 'hello');
  address = `127.0.0.1:${await freePort()}`;
  const installed = type(setUp!.replaceAll(DOCUMENTED_FOLDER, folder), root);
  expect(installed.code, installed.out + installed.err).toBe(0);
  const args = ['--raft=false', '--engine=memory', `--path=${join(folder, 'data')}`];
  store = Program.at(join(folder, 'node_modules/.bin/tinykv-server'), [
    ...args,
    `--addr=${address}`,
    '--status-addr=',
  ]);
  await store.waitFor(/"ready"/);
}, 300_000);
afterAll(async () => {
  store?.child.kill('SIGTERM');
  await store?.ended;
  rmSync(temporary, { recursive: true, force: true });
});

describe('the packed packages, in an empty folder', { timeout: 120_000 }, () => {
  it("run README's program as written, and it ends", () => {
    expect(setUp).toContain(DOCUMENTED_FOLDER);
    expect(program).toContain(DOCUMENTED_SCHEDULER);
    const name = /^npx tsx (\S+)$/m.exec(run!)![1]!;
    writeFileSync(join(folder, name), program!.replaceAll(DOCUMENTED_SCHEDULER, address));
    const prints = [...program!.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map((m) => m[1]);
    const first = type(run!, folder);
    expect(first).toEqual({ code: 0, out: `${prints.join('\n')}\n`, err: '' });
    expect(type(run!, folder).out).toBe('hello world world\n');
  });

  it('have types that a strict compiler takes', () => {
    const flags = '--noEmit --strict --module nodenext --target es2023';
    const tsc = join(root, 'node_modules/.bin/tsc');
    const checked = type(`${tsc} ${flags} hello.mts`, folder);
    expect(checked).toEqual({ code: 0, out: '', err: '' });
  });

  it('bring the programs', () => {
    for (const name of ['tinykv', 'scheduler', 'tinyscheduler-server', 'tinykv-gateway']) {
      const shown = type(`node_modules/.bin/${name} -V`, folder);
      expect(shown.out, name).toMatch(/ \d+\.\d+\.\d+ \(commit \w+/);
    }
    const got = type(`node_modules/.bin/tinykv ctl --scheduler ${address} get greeting`, folder);
    expect(got.out).toBe('hello world world\n');
  });
});
