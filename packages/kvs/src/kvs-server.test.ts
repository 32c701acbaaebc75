import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineKind } from '@tinykv/server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KvsStartError } from './errors.js';
import { KvsClient } from './kvs-client.js';
import { KvsServer } from './kvs-server.js';
import { type KvsKind, prepareRoot, takeRoot } from './root-folder.js';

describe('builders', () => {
  it.each([
    ['no root', KvsServer.builder(), 'no root folder'],
    [
      'an unknown kind',
      KvsServer.builder()
        .root('x')
        .kind('fast' as KvsKind),
      'kind fast is none of',
    ],
    [
      'an unknown engine',
      KvsServer.builder()
        .root('x')
        .engine('sled' as EngineKind),
      'engine sled is none of level, log, memory',
    ],
    [
      'two basic nodes',
      KvsServer.builder().root('x').kind('basic').nodes(2),
      '1 to 1 nodes, not 2',
    ],
    ['no nodes', KvsServer.builder().root('x').nodes(0), '1 to 16 nodes, not 0'],
  ])('refuse %s', (_title, builder, message) => {
    expect(() => builder.build()).toThrow(
      expect.objectContaining({
        name: 'KvsConfigError',
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(message),
      }),
    );
  });

  it('refuse a client without an endpoint', async () => {
    await expect(KvsClient.builder().build()).rejects.toThrow('no endpoint is given');
  });

  it('give no endpoint before the start', () => {
    expect(() => KvsServer.builder().root('x').build().endpoint).toThrow('not started');
  });
});

describe('a root folder', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'tinykv-kvs-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('refuses another kind, another engine, and fewer nodes; takes more', () => {
    const made = { kind: 'raft', engine: 'log', nodes: 2 } as const;
    prepareRoot(root, made);
    prepareRoot(root, made);
    expect(() => prepareRoot(root, { ...made, kind: 'basic' })).toThrow('made for kind raft');
    expect(() => prepareRoot(root, { ...made, engine: 'level' })).toThrow('and engine log');
    expect(() => prepareRoot(root, { ...made, nodes: 1 })).toThrow('holds 2 servers');
    prepareRoot(root, { ...made, nodes: 3 });
    expect(() => prepareRoot(root, made)).toThrow('holds 3 servers');
    writeFileSync(join(root, 'kvs.json'), '{');
    expect(() => prepareRoot(root, made)).toThrow('is damaged');
  });

  it('is refused to a second server while the first has it', async () => {
    const made = { kind: 'raft', engine: 'memory', nodes: 1 } as const;
    const lock = await takeRoot(root, made);
    const second = KvsServer.builder().root(root).engine('memory').nodes(1).build();
    await expect(second.start()).rejects.toThrow(`in use by process ${process.pid}`);
    await expect(takeRoot(root, made)).rejects.toThrow(KvsStartError);
    await lock.release();
    await expect(takeRoot(root, { ...made, engine: 'log' })).rejects.toThrow('made for kind raft');
    await (await takeRoot(root, made)).release();
  });

  it('is emptied of stores in memory, and of nothing else', () => {
    mkdirSync(join(root, 'server-1/kept'), { recursive: true });
    const made = { kind: 'raft', engine: 'memory', nodes: 1 } as const;
    prepareRoot(root, made);
    expect(readdirSync(root).sort()).toEqual(['kvs.json', 'server-1']);
    prepareRoot(root, made);
    expect(readdirSync(root)).toEqual(['kvs.json']);
  });
});
