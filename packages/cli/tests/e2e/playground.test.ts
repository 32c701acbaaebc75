import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RespClient } from '../../src/resp-client.js';
import { isAlive, Program, pause, runProgram } from './process.js';

interface Ready {
  readonly gateway: string;
  readonly scheduler: string;
  readonly stores: readonly { readonly id: number; readonly addr: string; readonly pid: number }[];
}

const BASE = 24_000;
const START_MS = 60_000;
let folder: string;
let env: Record<string, string>;

const started: Program[] = [];
const start = (...args: string[]): Program => {
  const program = new Program(
    'tinykv',
    ['playground', '--port-base', String(BASE), '--data', join(folder, 'data'), ...args],
    env,
  );
  started.push(program);
  return program;
};
const ask = (...args: string[]) => runProgram('tinykv', ['playground', ...args], env);

async function readyOf(program: Program): Promise<Ready> {
  const [, json] = await program.waitFor(/^ready (\{.*\})$/m, START_MS);
  return JSON.parse(json!) as Ready;
}

async function allGone(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (pids.some(isAlive) && performance.now() < deadline) await pause();
  expect(pids.filter(isAlive)).toEqual([]);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tinykv-playground-'));
  env = { TINYKV_HOME: join(folder, 'home') };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
/** A test that fails leaves no cluster behind. */
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
    await ended;
  }
}, 60_000);

describe('playground', { timeout: 180_000 }, () => {
  it('wants the ports that were named, obeys other terminals, and ends all on Ctrl-C', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(BASE + 10, '127.0.0.1', resolve));
    const refused = start();
    expect(await refused.ended).toBe(1);
    expect(refused.output).toBe(
      `tinykv: taken: ports ${BASE + 10}: end what listens there, or choose another --port-base\n`,
    );
    blocker.close();
    const program = start('--engine', 'log');
    const ready = await readyOf(program);
    expect(ready.scheduler).toBe(`127.0.0.1:${BASE}`);
    for (const name of ['scheduler', 'store-1', 'store-2', 'store-3', 'gateway']) {
      expect(program.output).toMatch(new RegExp(`^✓ ${name} +\\d+\\.\\d s$`, 'm'));
    }
    expect(readFileSync(join(folder, 'data/store-1/FORMAT'), 'utf8')).toContain('"engine":"log"');
    expect(ready.stores).toHaveLength(3);
    expect(new Set(ready.stores.map((store) => store.id)).size).toBe(3);
    const pids = ready.stores.map((store) => store.pid);
    expect(pids.every(isAlive)).toBe(true);

    const client = await RespClient.connect(ready.gateway);
    expect(await client.command('SET', 'kept', 'over a restart')).toBe('OK');

    expect(await ask('kill', 'nobody')).toMatchObject({ code: 1 });
    expect(await ask('kill', 'store-2')).toMatchObject({ code: 0 });
    expect(isAlive(pids[1]!)).toBe(false);
    const second = ready.stores[1]!;
    expect((await ask('display')).output).toMatch(
      new RegExp(`^store-2 +${second.id} +${second.addr} .* ended`, 'm'),
    );
    expect(await client.command('GET', 'kept')).toBe('over a restart');
    client.close();
    // Ids and names are both taken, and shown together.
    const restarted = await ask('restart', String(second.id));
    expect(restarted.output).toMatch(/^store-2 was not running, started as pid \d+$/m);
    expect((await ask('kill', '999')).output).toContain(`store-2 (id ${second.id})`);
    expect((await ask('scale-out')).output).toContain('store-4 starts at');

    const shown = (await ask('display')).output;
    const all = [...shown.matchAll(/ (\d+) +running /g)].map((match) => Number(match[1]));
    expect(all).toHaveLength(6);
    // A scheduler that hangs makes nobody wait for it.
    const schedulerPid = Number(/^scheduler .* (\d+) +running /m.exec(shown)![1]);
    process.kill(schedulerPid, 'SIGSTOP');
    const stoppedAt = performance.now();
    program.child.kill('SIGINT');
    expect(await program.ended).toBe(0);
    expect(performance.now() - stoppedAt).toBeLessThan(8_000);
    await allGone(all);
    expect(await ask('display')).toMatchObject({ code: 3 });
  });

  it('finds its data again, with as many stores as there are, and dies with its children', async () => {
    const program = start('--engine', 'log');
    const ready = await readyOf(program);
    expect(program.output).toContain('holds 4 stores');
    expect(ready.stores).toHaveLength(4);
    const client = await RespClient.connect(ready.gateway);
    expect(await client.command('GET', 'kept')).toBe('over a restart');
    client.close();
    // The playground of the tag; the one that runs is found without any flag, too.
    for (const flags of [['--tag', 'default'], []]) {
      const ctl = await runProgram('tinykv', ['ctl', ...flags, 'stores'], env);
      expect(ctl.output.match(/^\d+ +store-\d +127\.0\.0\.1:\d+ +Up /gm)).toHaveLength(4);
    }
    const gone = await runProgram('tinykv', ['ctl', '--tag', 'none', 'stores'], env);
    expect(gone).toEqual({
      code: 3,
      output: 'tinykv: no playground with the tag none is running; there are default\n',
    });
    const offline = await runProgram('tinykv', ['ctl', 'store', 'offline', 'store-4'], env);
    expect(offline.output).toMatch(/^store-4 \(id \d+\) is offline: its peers move away/m);
    const shown = await runProgram('tinykv', ['ctl', 'stores'], env);
    expect(shown.output).toMatch(/^\d+ +store-4 +\S+ +(Offline|Tombstone) /m);

    // The tag is taken; under another one the data is, and the logs of those who run stay their own.
    expect(await start().ended).toBe(1);
    const log = readFileSync(join(folder, 'data/logs/store-1.log'), 'utf8');
    const second = start('--tag', 'second', '--port-base', String(BASE + 200));
    expect(await second.ended).toBe(1);
    expect(second.output).toMatch(/data is in use by process \d+: .* or choose another --data\n$/);
    const now = readFileSync(join(folder, 'data/logs/store-1.log'), 'utf8');
    expect(now.match(/"msg":"starting"/g)).toEqual(log.match(/"msg":"starting"/g));
    program.child.kill('SIGKILL');
    await program.ended;
    await allGone(ready.stores.map((store) => store.pid));
    expect(existsSync(join(folder, 'data/store-1/LOCK'))).toBe(false);
  });
});
