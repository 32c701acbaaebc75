import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromUtf8, utf8 } from '@tinykv/base';
import { connect } from '@tinykv/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort, Program, runProgram } from './process.js';

const archive = fileURLToPath(
  new URL('../../../server/testdata/format-2/data.tar.gz', import.meta.url),
);
/** Where the store of the folders is registered: a store that moves has to wait. */
const ADDRESS = '127.0.0.1:29860';

let root: string;
const running: Program[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tinykv-former-'));
  execFileSync('tar', ['xzf', archive, '-C', root]);
});
afterEach(async () => {
  for (const program of running.splice(0).reverse()) {
    program.child.kill('SIGTERM');
    await program.ended;
  }
  rmSync(root, { recursive: true });
});

async function serve(name: string, ...args: string[]): Promise<Program> {
  const program = new Program(name, args);
  running.push(program);
  await program.waitFor(/"msg":"ready"/);
  return program;
}

function storeArgs(scheduler: string): string[] {
  const path = join(root, 'store');
  return ['--scheduler', scheduler, '--addr', ADDRESS, '--status-addr', '', '--path', path];
}

describe('data folders of the former format', { timeout: 120_000 }, () => {
  it('serve what was written, and what is written then, over a restart', async () => {
    const scheduler = `127.0.0.1:${await freePort()}`;
    const data = ['--data-dir', join(root, 'scheduler')];
    await serve('scheduler', ...data, '--client-urls', `http://${scheduler}`);
    const store = await serve('tinykv-server', ...storeArgs(scheduler));
    const client = await connect({ scheduler });
    try {
      await client.txn.run(async (txn) => txn.put(utf8('old:000'), utf8('written again')));
      store.child.kill('SIGKILL');
      await store.ended;
      await serve('tinykv-server', ...storeArgs(scheduler));
      const txn = await client.txn.begin();
      const pairs = await txn.scan(utf8('old:'), { end: utf8('old;'), limit: 100 });
      const values = new Map(pairs.map(({ key, value }) => [fromUtf8(key), fromUtf8(value)]));
      // 60 keys without the 9 that were deleted, the count, and the one that is there again.
      expect(values.size).toBe(60 - 9 + 1 + 1);
      expect(values.get('old:000')).toBe('written again');
      expect(values.get('old:count')).toBe('60');
      // Two keys that a client which died before its commit had locked.
      expect(values.get('old:001')).toBe('value 1 '.repeat(3));
      expect(values.get('old:050')).toBe('value 50 '.repeat(3));
      // Records of a gateway: stores keep them, whatever gateways of today say of their layout.
      const redis = await txn.scan(utf8('R'), { end: utf8('S'), limit: 1_000 });
      expect(redis.some(({ value }) => Buffer.from(value).includes('a string'))).toBe(true);
    } finally {
      await client.close();
    }
  });

  it('but not of a later one: the refusal names the way out', async () => {
    const later = '{"format":4,"kind":"store","clusterId":0}';
    writeFileSync(join(root, 'store/FORMAT'), later);
    const { code, output } = await runProgram('tinykv-server', storeArgs('127.0.0.1:9'));
    expect(code).toBe(1);
    expect(output).toContain('has format 4, which a later build has written');
    expect(output).toContain('start it with that build');
  });
});
