import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type EngineKind,
  KvsClient,
  type KvsKind,
  KvsServer,
  WriteConflictError,
} from '@tinykv/kvs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let root: string;
/** What a test has not stopped itself. */
let running: { stop(): Promise<void> }[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tinykv-kvs-'));
  running = [];
});
afterEach(async () => {
  for (const part of running.reverse()) await part.stop();
  rmSync(root, { recursive: true });
});

async function serve(kind: KvsKind, engine: EngineKind, nodes: number): Promise<KvsServer> {
  const server = KvsServer.builder().kind(kind).engine(engine).root(root).nodes(nodes).build();
  running.push(server);
  await server.start();
  return server;
}

async function connectTo({ endpoint }: KvsServer): Promise<KvsClient> {
  const client = await KvsClient.builder().endpoint(endpoint).build();
  running.push({ stop: () => client.close() });
  return client;
}

/** Ends the last client and the last server, in this order. */
async function stopAll(): Promise<void> {
  for (const part of running.reverse()) await part.stop();
  running = [];
}

/** What any server must do; leaves alice with 70 and bob with 30. */
async function useAll(client: KvsClient): Promise<void> {
  expect(await client.get('alice')).toBeUndefined();
  await client.set('alice', '100');
  await client.set('carol', '\ufeffü');
  expect(await client.get('carol')).toBe('\ufeffü');
  await expect(client.set('carol', '\ud800')).rejects.toThrow('lone surrogate');
  await expect(client.get('\udfff')).rejects.toThrow('lone surrogate');
  expect(await client.remove('carol')).toBe(true);
  expect(await client.remove('carol')).toBe(false);

  const txn = await client.txnStart();
  expect(await client.txnGet(txn, 'alice')).toBe('100');
  client.txnSet(txn, 'alice', '70');
  client.txnSet(txn, 'bob', '30');
  client.txnSet(txn, 'dave', '1');
  client.txnDelete(txn, 'dave');
  expect(await client.txnGet(txn, 'alice')).toBe('70');
  expect(await client.txnGet(txn, 'dave')).toBeUndefined();
  expect(await client.get('bob')).toBeUndefined();
  expect(await client.txnCommit(txn)).toBeGreaterThan(txn.startTs);

  const [first, second, third] = [
    await client.txnStart(),
    await client.txnStart(),
    await client.txnStart(),
  ];
  expect(await client.txnGet(third, 'bob')).toBe('30');
  client.txnSet(first, 'bob', '31');
  client.txnSet(second, 'bob', '32');
  await client.txnCommit(first);
  await expect(client.txnCommit(second)).rejects.toBeInstanceOf(WriteConflictError);
  // A snapshot of before.
  expect(await client.txnGet(third, 'bob')).toBe('30');
  client.txnSet(third, 'alice', 'nothing');
  client.txnRollback(third);
  await expect(client.txnCommit(third)).rejects.toThrow('rolled-back');
  await client.set('bob', '30');
  expect([await client.get('alice'), await client.get('bob')]).toEqual(['70', '30']);
}

describe('KvsServer of kind basic', { timeout: 120_000 }, () => {
  it.each(['level', 'log', 'memory'] as const)('with the engine %s', async (engine) => {
    const server = await serve('basic', engine, 1);
    expect(server.nodes).toMatchObject([{ folder: join(root, 'server-1'), state: 'running' }]);
    expect(existsSync(join(root, 'server-1'))).toBe(true);
    await useAll(await connectTo(server));
    await stopAll();
    const again = await connectTo(await serve('basic', engine, 1));
    expect(await again.get('alice')).toBe(engine === 'memory' ? undefined : '70');
    // Timestamps go on behind those of before.
    await again.set('alice', '71');
    expect(await again.get('alice')).toBe('71');
  });

  it('keeps what was committed when its process is killed', async () => {
    const server = await serve('basic', 'log', 1);
    await useAll(await connectTo(server));
    process.kill(server.nodes[0]!.pid!, 'SIGKILL');
    await stopAll();
    const again = await connectTo(await serve('basic', 'log', 1));
    expect([await again.get('alice'), await again.get('bob')]).toEqual(['70', '30']);
  });

  it('says why it does not start, and leaves nothing behind', async () => {
    await serve('basic', 'level', 1);
    const second = KvsServer.builder().kind('basic').root(root).build();
    await expect(second.start()).rejects.toMatchObject({
      name: 'KvsStartError',
      message: expect.stringContaining('is in use by process'),
    });
    expect(second.nodes).toEqual([]);
  });
});

describe('KvsServer of kind raft', { timeout: 240_000 }, () => {
  it('replicates over engines on logs, and goes on without one of three', async () => {
    const server = await serve('raft', 'log', 3);
    expect(server.nodes.map(({ folder }) => folder)).toEqual(
      [1, 2, 3].map((i) => join(root, `server-${i}`)),
    );
    const client = await connectTo(server);
    await useAll(client);
    process.kill(server.nodes[1]!.pid!, 'SIGKILL');
    await client.set('alice', '72');
    expect(await client.get('alice')).toBe('72');
    expect(readdirSync(join(root, 'server-1/kv')).some((name) => name.endsWith('.data'))).toBe(
      true,
    );
    await stopAll();
    const again = await connectTo(await serve('raft', 'log', 3));
    expect([await again.get('alice'), await again.get('bob')]).toEqual(['72', '30']);
  });

  it('begins anew when everything was in memory', async () => {
    await useAll(await connectTo(await serve('raft', 'memory', 2)));
    await stopAll();
    const again = await connectTo(await serve('raft', 'memory', 2));
    expect(await again.get('alice')).toBeUndefined();
    await useAll(again);
  });
});

describe('the examples', { timeout: 120_000 }, () => {
  const folder = fileURLToPath(new URL('../../examples', import.meta.url));
  const tsx = fileURLToPath(new URL('../../../../node_modules/.bin/tsx', import.meta.url));
  const run = (name: string, ...args: string[]): Example =>
    new Example(spawn(tsx, [join(folder, name), ...args], { cwd: root }));

  it('serve, use and stop', async () => {
    const server = run('kvs-server.ts', 'data', 'basic', 'log');
    running.push(server);
    const endpoint = (await server.printed(/^endpoint (\S+)$/m))[1]!;
    expect(existsSync(join(root, 'data/server-1'))).toBe(true);
    const client = run('kvs-client.ts', endpoint);
    expect(await client.ended).toBe(0);
    expect(client.out.split('\n')).toEqual([
      'greeting = hello',
      'removed: true',
      'greeting = undefined',
      'before the commit: bob = 0',
      'after the commit: alice = 70 bob = 30',
      'the second lost: bob = 301',
      '',
    ]);
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
  });
});

/** A program that runs. */
class Example {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  out = '';
  #onOutput = (): void => undefined;

  constructor(child: ChildProcess) {
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.out += chunk.toString();
        this.#onOutput();
      });
    }
    this.ended = new Promise((resolve) => child.once('close', resolve));
  }

  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      this.#onOutput = () => {
        const found = pattern.exec(this.out);
        if (found !== null) resolve(found);
      };
      void this.ended.then(() => reject(new Error(this.out)));
    });
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.ended;
  }
}
