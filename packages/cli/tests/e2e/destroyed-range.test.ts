import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '@tinykv/base';
import { Client } from '@tinykv/client';
import { createEnv, type RealEnv } from '@tinykv/env-real';
import { tinykvtxn } from '@tinykv/proto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort, Program } from './process.js';

const { unsafeDestroyRange } = tinykvtxn.Txn;
const KEYS = 200;

describe('a destroyed range', { timeout: 120_000 }, () => {
  let folder: string;
  let scheduler: string;
  let store: string;
  let running: Program[];
  let env: RealEnv;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tinykv-destroyed-'));
    [scheduler, store] = [await freePort(), await freePort()].map(
      (port) => `127.0.0.1:${port}`,
    ) as [string, string];
    running = [];
    env = createEnv({ name: 'test', logLevel: 'fatal' });
  });
  afterEach(async () => {
    for (const { child } of running) child.kill('SIGKILL');
    await env.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(name: string, ...args: string[]): Promise<Program> {
    const program = new Program(name, [...args, '--status-addr=']);
    running.push(program);
    await program.waitFor(/"ready"/);
    return program;
  }
  const startStore = (): Promise<Program> =>
    start('tinykv-server', `--scheduler=${scheduler}`, `--addr=${store}`, `--path=${folder}/t`);

  async function withClient<T>(use: (client: Client) => Promise<T>): Promise<T> {
    const client = await Client.connect(env, { scheduler });
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  }

  async function destroy(startKey: Uint8Array, endKey: Uint8Array): Promise<string> {
    const request = unsafeDestroyRange.request.encode({ startKey, endKey });
    const options = { timeoutMs: 10_000 };
    const answer = await env.net.call(store, unsafeDestroyRange.path, request, options);
    return unsafeDestroyRange.response.decode(answer).error;
  }

  const present = (client: Client): Promise<number> =>
    Promise.all(
      Array.from({ length: KEYS }, (_, i) =>
        client.raw.get(utf8(`gone/${i}`), { timeoutMs: 30_000 }),
      ),
    ).then((values) => values.filter((value) => value !== undefined).length);

  it('is not back after kill -9 behind the answer, and its neighbours are there', async () => {
    await start('scheduler', `--client-urls=http://${scheduler}`, `--data-dir=${folder}/s`);
    const first = await startStore();
    await withClient(async (client) => {
      const keys = Array.from({ length: KEYS }, (_, i) => `gone/${i}`);
      const all = [...keys, 'a neighbour', 'the other'];
      await Promise.all(all.map((key) => client.raw.put(utf8(key), utf8(key))));
      expect(await present(client)).toBe(KEYS);
      expect(await destroy(utf8('gone/'), utf8('gone0'))).toBe('');
    });
    first.child.kill('SIGKILL');
    await first.ended;

    await startStore();
    await withClient(async (client) => {
      expect(await present(client)).toBe(0);
      for (const key of ['a neighbour', 'the other'])
        expect(await client.raw.get(utf8(key))).toEqual(utf8(key));
    });
  });
});
