import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root, wordsOf } from '../docs/code-blocks.js';
import { commandsToRun } from '../docs/how-commands-run.js';
import { freePort, Program, runProgram } from './process.js';

/** Below the ports that systems give to outgoing connections, and no block of another test. */
const BASE = 25_500;
const PLAYGROUND = 'tinykv playground';
const STORE = /^tinykv-server /;

let folder: string;
let env: Record<string, string>;
let playground: Program;
/** The store that a page tells a reader to add, and its id. */
let added: Program | undefined;
let addedId = '';

/** As a reader types it, with what stands for an address or an id filled in. */
function filledIn(line: string, ports: { readonly added: string }): string {
  return line
    .replace('…', `127.0.0.1:${BASE}`)
    .replace('HOST:NEWPORT', ports.added)
    .replace(/\bNEW\b/, join(folder, 'new'))
    .replace(/\bID\b/, addedId);
}

function run(words: readonly string[]): SpawnSyncReturns<string> {
  const [name, ...args] = words;
  const program = name === 'make' ? 'make' : join(root, 'scripts', name!);
  const cwd = name === 'make' ? root : folder;
  return spawnSync(program, args, { cwd, env: { ...process.env, ...env }, encoding: 'utf8' });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tinykv-docs-'));
  // A home of its own makes the playground "default" that of this test alone.
  env = { TINYKV_HOME: join(folder, 'home'), TINYKV_SCHEDULER: '', LOG_LEVEL: '' };
  const more = commandsToRun().get(PLAYGROUND) ?? [];
  const [, ...words] = wordsOf(PLAYGROUND);
  playground = new Program('tinykv', [...words, ...more, `--port-base=${BASE}`], env);
  await playground.waitFor(/^ready \{/m, 60_000);
}, 90_000);
afterAll(async () => {
  added?.child.kill('SIGKILL');
  playground.child.kill('SIGINT');
  await playground.ended;
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** A store without a peer is a tombstone as soon as it is sent offline. The only other store cannot take this one. */
async function untilItHasAPeer(): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const { output } = await runProgram('tinykv', ['ctl', 'regions', '--json'], env);
    if (output.includes(`"storeId":${addedId}`)) return;
    if (performance.now() > deadline) throw new Error(`no peer came to the new store: ${output}`);
  }
}

describe('commands of the docs, on one small cluster', { timeout: 90_000 }, () => {
  const all = [...commandsToRun()].filter(([line]) => line !== PLAYGROUND);
  // The servers first, since orders name the store that is added.
  const inOrder = [
    ...all.filter(([line]) => STORE.test(line)),
    ...all.filter(([line]) => !STORE.test(line)),
  ];

  it.each(inOrder)('%s', async (line, more) => {
    const address = `127.0.0.1:${await freePort()}`;
    const words = [...wordsOf(filledIn(line, { added: address })), ...more];
    if (STORE.test(line)) {
      added = new Program(words[0]!, words.slice(1), env);
      await added.waitFor(/"msg":"ready"/, 60_000);
      addedId = /"store_id":(\d+)/.exec(added.output)?.[1] ?? '';
      expect(addedId).toMatch(/^\d+$/);
      await untilItHasAPeer();
      return;
    }
    const { status, stdout, stderr } = run(words);
    expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
    expect(stdout).not.toBe('');
  });
});
