import { describe, expect, test } from 'vitest';
import { FaultyKv } from '../src/testing/faulty-kv.js';
import { type TestClient, type TestGateway, testGateway } from '../src/testing/harness.js';
import { MemoryKv } from '../src/testing/memory-kv.js';
import { TestClock } from '../src/testing/test-clock.js';

interface World {
  readonly clock: TestClock;
  readonly kv: MemoryKv;
  readonly link: FaultyKv;
  readonly one: TestGateway;
  /** The session that watches, on the first gateway. */
  readonly client: TestClient;
  /** A session on another gateway. */
  readonly other: TestClient;
}

/** `sweepMs`: of a third gateway, which only sweeps. */
async function world(sweepMs = 0): Promise<World> {
  const clock = new TestClock();
  const kv = new MemoryKv(clock);
  const link = new FaultyKv(kv);
  const one = await testGateway({ clock, kv, seed: 'one', wrap: () => link, config: { sweepMs } });
  const two = await testGateway({ clock, kv, seed: 'two' });
  return { clock, kv, link, one, client: one.connect(), other: two.connect() };
}

const EXECUTED = '*1\r\n+PONG\r\n';
const ABORTED = '*-1\r\n';

async function exec({ client }: World): Promise<string> {
  await client.send(['MULTI'], ['PING']);
  return client.line('EXEC');
}

describe('WATCH compares versions', () => {
  test('two writes through another gateway that restore the old value abort EXEC', async () => {
    const stage = await world();
    await stage.client.send(['SET', 'k', 'A'], ['WATCH', 'k']);
    await stage.other.send(['SET', 'k', 'B'], ['SET', 'k', 'A']);
    expect(await exec(stage)).toBe(ABORTED);
  });

  test('a key that came and went through another gateway aborts EXEC', async () => {
    const stage = await world();
    await stage.client.line('WATCH k');
    await stage.other.send(['SET', 'k', 'A'], ['DEL', 'k']);
    expect(await exec(stage)).toBe(ABORTED);
  });

  test('what only reads or locks the key does not abort EXEC', async () => {
    const stage = await world();
    await stage.client.send(['SET', 'k', 'A'], ['WATCH', 'k', 'never']);
    // EXEC locks what it reads beside what it writes.
    await stage.other.send(['MULTI'], ['GET', 'k'], ['GET', 'never'], ['SET', 'x', 'y'], ['EXEC']);
    expect(await exec(stage)).toBe(EXECUTED);
  });

  test('a write of the same session aborts EXEC, even of the same value', async () => {
    const stage = await world();
    await stage.client.send(['SET', 'k', 'A'], ['WATCH', 'k'], ['SET', 'k', 'A']);
    expect(await exec(stage)).toBe(ABORTED);
  });

  test('UNWATCH forgets, and the next EXEC begins anew', async () => {
    const stage = await world();
    await stage.client.send(['WATCH', 'k'], ['UNWATCH']);
    await stage.other.line('SET k A');
    expect(await exec(stage)).toBe(EXECUTED);
    await stage.client.line('WATCH k');
    expect(await exec(stage)).toBe(EXECUTED);
  });
});

describe('WATCH and expiry', () => {
  test('expiry after WATCH aborts EXEC', async () => {
    const stage = await world();
    await stage.client.send(['SET', 'k', 'v', 'PX', '500'], ['WATCH', 'k']);
    await stage.clock.run(501);
    expect(await exec(stage)).toBe(ABORTED);
  });

  test('expiry after WATCH aborts EXEC when the sweeper was there first', async () => {
    const stage = await world(100);
    await stage.client.send(['SET', 'k', 'v', 'PX', '500'], ['WATCH', 'k']);
    await stage.clock.run(2_000);
    expect(stage.kv.liveKeys().filter((key) => key[5] === 0)).toEqual([]);
    expect(await exec(stage)).toBe(ABORTED);
  });

  test('a key that had expired at WATCH does not abort EXEC when the sweeper removes it', async () => {
    const stage = await world(1_000);
    await stage.client.line('SET k v PX 500');
    await stage.clock.run(600);
    await stage.client.line('WATCH k');
    expect(stage.kv.liveKeys().filter((key) => key[5] === 0)).toHaveLength(2);
    await stage.clock.run(3_000);
    expect(stage.kv.liveKeys().filter((key) => key[5] === 0)).toEqual([]);
    expect(await exec(stage)).toBe(EXECUTED);
  });

  test('a key that had expired at WATCH and is set and removed since aborts EXEC', async () => {
    const stage = await world();
    await stage.client.line('SET k v PX 500');
    await stage.clock.run(600);
    await stage.client.line('WATCH k');
    await stage.other.send(['SET', 'k', 'w'], ['DEL', 'k']);
    expect(await exec(stage)).toBe(ABORTED);
  });

  test('a key that had expired at WATCH and lies there still does not abort EXEC', async () => {
    const stage = await world();
    await stage.client.line('SET k v PX 500');
    await stage.clock.run(600);
    await stage.client.line('WATCH k');
    expect(await exec(stage)).toBe(EXECUTED);
  });
});

describe('WATCH and the safe point', () => {
  test('a WATCH older than the safe point aborts EXEC: what came and went may be collected', async () => {
    const stage = await world();
    await stage.client.line('WATCH k');
    await stage.other.send(['SET', 'k', 'A'], ['DEL', 'k']);
    await stage.clock.run(1);
    stage.kv.collect(stage.kv.nextTimestamp());
    expect(await exec(stage)).toBe(ABORTED);
  });

  test('a WATCH above the safe point stands', async () => {
    const stage = await world();
    stage.kv.collect(stage.kv.nextTimestamp());
    await stage.client.line('WATCH k');
    expect(await exec(stage)).toBe(EXECUTED);
  });
});

describe('WATCH and FLUSHALL', () => {
  async function flush({ clock, other }: World): Promise<void> {
    other.write('FLUSHALL\r\n');
    await clock.run(5_000);
    expect(await other.output()).toContain('+OK');
  }

  test('a key that was there aborts EXEC, also when it is set again to the same value', async () => {
    const stage = await world();
    await stage.client.send(['SET', 'k', 'A'], ['WATCH', 'k']);
    await flush(stage);
    await stage.other.line('SET k A');
    expect(await exec(stage)).toBe(ABORTED);
  });

  test('a key that was not there before and after does not abort EXEC', async () => {
    const stage = await world();
    await stage.client.send(['SET', 'k', 'A'], ['DEL', 'k'], ['WATCH', 'k', 'never']);
    await flush(stage);
    expect(await exec(stage)).toBe(EXECUTED);
  });

  test('a key that came before the flush that took it away aborts EXEC', async () => {
    const stage = await world();
    await stage.client.line('WATCH k');
    await stage.other.line('SET k A');
    await flush(stage);
    expect(await exec(stage)).toBe(ABORTED);
  });

  test('a key that came and went between two flushes aborts EXEC', async () => {
    const stage = await world();
    await stage.client.line('WATCH k');
    await flush(stage);
    await stage.other.line('SET k A');
    await flush(stage);
    expect(await exec(stage)).toBe(ABORTED);
  });
});
