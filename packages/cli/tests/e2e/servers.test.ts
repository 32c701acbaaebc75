import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SchedulerClient } from '@tinykv/client';
import { createEnv } from '@tinykv/env-real';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, isAlive, launcher, Program, pause, runProgram } from './process.js';

let folder: string;
const running: Program[] = [];

const path = (name: string): string => join(folder, name);
function serve(name: string, ...args: string[]): Program {
  const program = new Program(name, args);
  running.push(program);
  return program;
}
/** A store without Raft on ports that it picks itself. */
const alone = (data: string, ...more: string[]): Program =>
  serve(
    'tinykv-server',
    '-raft=false',
    `-path=${path(data)}`,
    '-addr',
    '127.0.0.1:0',
    '--status-addr=127.0.0.1:0',
    ...more,
  );

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tinykv-servers-'));
});
afterAll(() => {
  for (const { child } of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe('every server', { timeout: 60_000 }, () => {
  it.each(['tinykv-server', 'scheduler', 'tinyscheduler-server', 'tinykv-gateway', 'tinykv'])(
    '%s: -V, --help, and a flag that it does not know',
    async (name) => {
      const [version, help, unknown] = await Promise.all(
        ['-V', '--help', '--nonsense'].map((flag) => runProgram(name, [flag])),
      );
      expect(version?.output).toMatch(/ 0\.1\.0 \(commit \w+(-dirty)?, node v/);
      expect(help).toMatchObject({ code: 0 });
      expect(help?.output).toContain('Examples:');
      expect(unknown).toMatchObject({ code: 2 });
    },
  );

  it('checks its file and names the nearest key', async () => {
    const file = path('bad.toml');
    writeFileSync(file, '[log]\nlevle = "info"\n');
    const bad = await runProgram('tinykv-gateway', ['--config', file, '--config-check']);
    expect(bad.code).toBe(2);
    expect(bad.output).toContain('unknown key log.levle; the nearest known one is log.level');
    writeFileSync(file, (await runProgram('scheduler', ['--print-sample-config'])).output);
    expect(await runProgram('scheduler', ['--config', file, '--config-check'])).toMatchObject({
      code: 0,
    });
  });
});

describe('a store alone', { timeout: 60_000 }, () => {
  it('serves its status page, drains on SIGTERM and exits 0', async () => {
    const log = path('a.log');
    const program = alone('a', '--log-file', log);
    const logged = async (pattern: RegExp): Promise<string> => {
      for (;;) {
        const found = existsSync(log) ? pattern.exec(readFileSync(log, 'utf8'))?.[1] : undefined;
        if (found !== undefined) return found;
        await pause();
      }
    };
    const page = `http://${await logged(/"status":"([^"]+)","msg":"ready"/)}`;
    const get = async (name: string): Promise<string> => (await fetch(`${page}/${name}`)).text();
    expect(await get('ready')).toContain('true');
    expect(JSON.parse(await get('status'))).toMatchObject({ ready: true, standalone: true });
    expect(await get('metrics')).toContain('nodejs_eventloop_lag');
    const config = JSON.parse(await get('config')) as Record<string, { from: string }>;
    expect(config['server.addr']?.from).toBe('flag');
    expect((await fetch(`${page}/nothing`)).status).toBe(404);
    program.child.kill('SIGTERM');
    expect(await program.ended).toBe(0);
    expect(program.output).toBe(''); // The log went to its file.
  });

  it('leaves at once, with 1, on a second signal', async () => {
    const program = alone('b');
    await program.waitFor(/"ready"/);
    program.child.kill('SIGTERM');
    program.child.kill('SIGINT');
    expect([0, 1]).toContain(await program.ended);
  });

  it('holds its folder: a second process is told who has it', async () => {
    const program = alone('c');
    await program.waitFor(/"ready"/);
    const second = alone('c');
    expect(await second.ended).toBe(1);
    expect(second.output).toContain(`is in use by process`);
    expect(isAlive(program.child.pid!)).toBe(true);
    program.child.kill('SIGKILL');
    await program.ended;
    const third = alone('c');
    await third.waitFor(/"ready"/);
    third.child.kill('SIGTERM');
    expect(await third.ended).toBe(0);
  });

  it.each([
    ['an unknown format', '{"format":99,"kind":"standalone store","clusterId":0}', 'has format 99'],
    ['another kind', '{"format":2,"kind":"scheduler","clusterId":0}', 'folder of a scheduler'],
  ])('does not start on a folder of %s', async (_title, record, message) => {
    const name = message.replaceAll(' ', '-');
    mkdirSync(path(name));
    writeFileSync(join(path(name), 'FORMAT'), record);
    const program = alone(name);
    expect(await program.ended).toBe(1);
    expect(program.output).toContain(message);
  });

  it('says which port is taken', async () => {
    const port = await freePort();
    const blocker: Server = createServer();
    await new Promise<void>((resolve) => blocker.listen(port, '127.0.0.1', resolve));
    const program = alone('d', `--addr=127.0.0.1:${port}`);
    expect(await program.ended).toBe(1);
    expect(program.output).toContain(`cannot listen on 127.0.0.1:${port}`);
    blocker.close();
  });
});

describe('a server without its scheduler', { timeout: 60_000 }, () => {
  it.each(['tinykv-server', 'tinykv-gateway'])('%s gives up with 3', async (name) => {
    const data = name === 'tinykv-server' ? [`--path=${path('e')}`] : [];
    const args = [...data, '--scheduler=127.0.0.1:9', '--status-addr=', '--addr=127.0.0.1:0'];
    const program = serve(name, ...args);
    expect(await program.ended).toBe(3);
    const said = 'cannot reach the scheduler at 127.0.0.1:9; is it running? (connection refused)';
    expect(program.output).toContain(`${name}: ${said}\n`);
    // Once when it begins to wait, once at the end.
    expect(program.output.split('cannot reach')).toHaveLength(3);
  });

  it('tinykv says so in one line', async () => {
    expect(await runProgram('tinykv', ['ctl', '--scheduler', '127.0.0.1:9', 'stores'])).toEqual({
      code: 3,
      output:
        'tinykv: cannot reach the scheduler at 127.0.0.1:9; is it running? (connection refused)\n',
    });
  });
});

it('a mistyped variable is refused by every program', { timeout: 60_000 }, async () => {
  for (const name of ['tinykv', 'scheduler', 'tinykv-server', 'tinykv-gateway']) {
    const run = await runProgram(name, ['ctl', 'stores'].slice(0, name === 'tinykv' ? 2 : 0), {
      TINYKV_SCHEDULR: '127.0.0.1:1',
    });
    expect(run).toEqual({
      code: 2,
      output:
        `${name}: unknown variable TINYKV_SCHEDULR in the environment; ` +
        'the nearest known one is TINYKV_SCHEDULER\n',
    });
  }
});

const isRoot = process.getuid?.() === 0;
it.skipIf(!isRoot)('another user learns whose folder it is', { timeout: 60_000 }, () => {
  const data = path('owned');
  mkdirSync(data);
  chmodSync(folder, 0o755);
  const nobody = 65_534;
  const args = ['--raft=false', `--path=${data}`, '--addr=127.0.0.1:0', '--status-addr='];
  const run = spawnSync(launcher('tinykv-server'), args, { uid: nobody, gid: nobody });
  expect(run.status).toBe(1);
  expect(run.stderr.toString()).toContain(`may not use ${data}`);
  expect(run.stderr.toString()).toContain(
    'which belongs to the uid 0: run it as the user who made',
  );
});

it('a store on a taken address asks the scheduler for no id', { timeout: 60_000 }, async () => {
  const [scheduler, storePort] = [`127.0.0.1:${await freePort()}`, await freePort()];
  const urls = [`-client-urls=http://${scheduler}`, `-data-dir=${path('ids')}`];
  await serve('scheduler', ...urls, '--status-addr=').waitFor(/"ready"/);
  const env = createEnv({ name: 'ids', logLevel: 'error' });
  const client = await SchedulerClient.connect(env, [scheduler]);
  const store = (data: string): Program =>
    serve(
      'tinykv-server',
      `-scheduler=${scheduler}`,
      `-path=${path(data)}`,
      '--status-addr=',
      `-addr=127.0.0.1:${storePort}`,
    );
  const blocker: Server = createServer();
  await new Promise<void>((resolve) => blocker.listen(storePort, '127.0.0.1', resolve));
  const id = await client.allocId();
  // The first of all, which would also have bootstrapped the cluster at an address that it does not have.
  const first = store('no-address');
  expect(await first.ended).toBe(1);
  expect(first.output).toContain(`cannot listen on 127.0.0.1:${storePort}: the address is in use`);
  expect(await client.isBootstrapped()).toBe(false);
  expect(await client.allocId()).toBe(id + 1);
  blocker.close();
  client.close();
  await env.close();
});

it('a store does not join another cluster', { timeout: 60_000 }, async () => {
  const ports = [await freePort(), await freePort()] as const;
  const schedulers = ports.map((port) =>
    serve(
      'scheduler',
      `-client-urls=http://127.0.0.1:${port}`,
      '--status-addr=',
      `-data-dir=${path(`scheduler-${port}`)}`,
    ),
  );
  for (const scheduler of schedulers) await scheduler.waitFor(/"ready"/);
  const storePort = await freePort();
  const join1 = (port: number): Program =>
    serve(
      'tinykv-server',
      `-scheduler=127.0.0.1:${port}`,
      `-path=${path('f')}`,
      '--status-addr=',
      `-addr=127.0.0.1:${storePort}`,
    );
  const store = join1(ports[0]);
  await store.waitFor(/"ready"/);
  store.child.kill('SIGTERM');
  expect(await store.ended).toBe(0);
  const stray = join1(ports[1]);
  expect(await stray.ended).toBe(1);
  expect(stray.output).toMatch(/belongs to cluster \d+, the scheduler serves cluster \d+/);
  for (const scheduler of schedulers) scheduler.child.kill('SIGTERM');
  for (const scheduler of schedulers) expect(await scheduler.ended).toBe(0);
});
