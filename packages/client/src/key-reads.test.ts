import { fromUtf8, limits, type Timestamp, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import type { KeyRead, KeyReader } from './key-reads.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise);

interface Named extends KeyRead {
  readonly name: string;
}

/** The answers about each key, in their order. */
class Heard implements KeyReader<Named> {
  readonly told: [string, string | undefined][] = [];
  readonly versions = new Map<string, Timestamp>();
  readonly failures = new Map<string, unknown>();
  messages = 0;

  onRead({ name }: Named, value: Uint8Array | undefined, commitTs: Timestamp): void {
    this.told.push([name, value && fromUtf8(value)]);
    this.versions.set(name, commitTs);
  }

  onReadFailed({ name }: Named, error: unknown): void {
    this.failures.set(name, error);
  }

  onReadsTold(): void {
    this.messages++;
  }
}

function read(timeoutMs: number, ...names: string[]): Heard {
  const heard = new Heard();
  client.txn.readNewest(
    names.map((name) => ({ name, key: utf8(name) })),
    timeoutMs,
    heard,
  );
  return heard;
}

async function write(...names: string[]): Promise<void> {
  const txn = await run(client.txn.begin());
  for (const name of names) txn.put(utf8(name), utf8(`${name}!`));
  await run(txn.commit());
  await run(txn.settled);
}

/** Leaves locks as a client does that has prewritten and died. */
function lock(name: string, primary: string, ttlMs: number): void {
  const keys = [primary, name];
  const mutations = keys.map((key) => ({ op: 0, key: utf8(key), value: utf8('locked') }));
  const request = {
    mutations,
    primaryLock: utf8(primary),
    startVersion: cluster.timestamp(),
    lockTtl: ttlMs,
  };
  cluster.data.prewrite(request as Parameters<typeof cluster.data.prewrite>[0]);
}

const asked = (): string[][] =>
  cluster.callsOf('KvGetVersions').map(({ request }) => request.keys.map(fromUtf8));

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

describe('reads of newest versions', () => {
  it('share a request for each Region, and tell what is there and since when', async () => {
    cluster.split(utf8('m'), 2);
    await write('a', 'z');
    const heard = read(1_000, 'z', 'a', 'b', 'n');
    await cluster.env.clock.run(100);
    expect(asked().sort()).toEqual([
      ['a', 'b'],
      ['z', 'n'],
    ]);
    expect(new Map(heard.told)).toEqual(
      new Map([
        ['a', 'a!'],
        ['b', undefined],
        ['n', undefined],
        ['z', 'z!'],
      ]),
    );
    expect(heard.messages).toBe(2);
    const { versions } = await run(client.txn.snapshotVersions([utf8('a'), utf8('b')]));
    expect(heard.versions.get('a')).toBe(versions[0]!.commitTs);
    expect(heard.versions.get('b')).toBe(0n);
  });

  it('of one timestamp are a snapshot', async () => {
    await write('a');
    const ts = await run(client.txn.timestamp());
    await write('a', 'b');
    const heard = new Heard();
    client.txn.readAt(
      [
        { name: 'a', key: utf8('a') },
        { name: 'b', key: utf8('b') },
      ],
      ts,
      1_000,
      heard,
    );
    await cluster.env.clock.run(100);
    expect(heard.told).toEqual([
      ['a', 'a!'],
      ['b', undefined],
    ]);
    expect(heard.versions.get('a')).toBeLessThan(ts);
  });

  it('go on where their Region was split', async () => {
    await write('a', 'z');
    cluster.split(utf8('m'), 3);
    const heard = read(1_000, 'a', 'z');
    await cluster.env.clock.run(500);
    expect(heard.told.sort()).toEqual([
      ['a', 'a!'],
      ['z', 'z!'],
    ]);
  });

  it('are cut by the number of keys', async () => {
    const names = Array.from({ length: limits.clientBatchGetKeysMax + 1 }, (_, i) => `k${i}`);
    const heard = read(1_000, ...names);
    await cluster.env.clock.run(100);
    expect(asked().map(({ length }) => length)).toEqual([limits.clientBatchGetKeysMax, 1]);
    expect(heard.told).toHaveLength(names.length);
  });

  it('that meet a lock ask its transaction, and hold up no other', async () => {
    await write('a', 'b');
    lock('a', 'p', 60_000);
    const heard = read(2_000, 'a', 'b');
    await cluster.env.clock.run(100);
    expect(heard.told).toEqual([
      ['b', 'b!'],
      ['a', 'a!'],
    ]);
    expect(asked()).toEqual([['a', 'b'], ['a'], ['a']]);
  });

  it('of a Region that is away fail by themselves', async () => {
    cluster.split(utf8('m'), 2);
    await write('a', 'z');
    cluster.script = ({ request }) =>
      request.keys?.some((key: Uint8Array) => fromUtf8(key) === 'z') ? { type: 'hang' } : undefined;
    const heard = read(2_000, 'a', 'z');
    await cluster.env.clock.run(100);
    expect(heard.told).toEqual([['a', 'a!']]);
    await cluster.env.clock.run(5_000);
    expect([...heard.failures.keys()]).toEqual(['z']);
  });
});

describe('writes of one key in one call', () => {
  it('are one request for each Region, sent at once, with an outcome each', async () => {
    cluster.split(utf8('m'), 2);
    await write('a', 'z');
    cluster.calls.length = 0;
    const ts = await run(client.txn.timestamp());
    const outcomes: string[] = [];
    const condition = { type: 'absent' } as const;
    const writes = ['a', 'b', 'y', 'z'].map((name) => ({
      name,
      key: utf8(name),
      ts,
      condition,
      value: utf8('new'),
    }));
    client.txn.writeOneKeys(writes, 1_000, {
      onWritten: ({ name }, { type }) => outcomes.push(`${name} ${type}`),
      onWriteFailed: ({ name }) => outcomes.push(`${name} failed`),
    });
    await cluster.env.clock.run(100);
    expect(outcomes.sort()).toEqual(['a refused', 'b written', 'y written', 'z refused']);
    expect(cluster.callsOf('KvOneKeyWrite')).toHaveLength(2);
  });

  it('are waited for when the client is closed', async () => {
    const ts = await run(client.txn.timestamp());
    cluster.answersAfterMs = 200;
    const outcomes: string[] = [];
    const write = { key: utf8('a'), ts, condition: { type: 'always' } as const, value: utf8('1') };
    client.txn.writeOneKeys([write], 1_000, {
      onWritten: (_, { type }) => outcomes.push(type),
      onWriteFailed: () => outcomes.push('failed'),
    });
    await cluster.env.clock.run(20);
    await run(client.close());
    expect(outcomes).toEqual(['written']);
  });
});
