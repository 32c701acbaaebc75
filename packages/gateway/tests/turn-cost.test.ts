/** The messages and promises that a turn costs, however many commands it serves. */
import { createHook } from 'node:async_hooks';
import { describe, expect, test } from 'vitest';
import { type TestClient, type TestGateway, testGateway } from '../src/testing/harness.js';
import type { MemoryKv } from '../src/testing/memory-kv.js';
import { encodeRequest } from '../src/testing/resp-client.js';

type Counts = MemoryKv['counts'];

const SESSIONS = 20;
const COMMANDS = 1_000;

/** Promises that are made while `work` goes on. */
async function promisesOf(work: () => Promise<void>): Promise<number> {
  let count = 0;
  const hook = createHook({
    init: (_, type) => {
      if (type === 'PROMISE') count++;
    },
  });
  hook.enable();
  try {
    await work();
  } finally {
    hook.disable();
  }
  return count;
}

interface Many {
  readonly gateway: TestGateway;
  readonly clients: readonly TestClient[];
}

async function many(): Promise<Many> {
  const gateway = await testGateway();
  const clients = Array.from({ length: SESSIONS }, () => gateway.connect());
  return { gateway, clients };
}

/** Sends a command for each of so many keys, a part by each session, in one turn; returns all answers. */
async function sendAll({ gateway, clients }: Many, command: readonly string[]): Promise<string> {
  for (const [i, client] of clients.entries()) {
    const [name, ...rest] = command;
    const each = COMMANDS / SESSIONS;
    const requests = Array.from({ length: each }, (_, k) => [name!, `key:${i}:${k}`, ...rest]);
    client.write(requests.map(encodeRequest).join(''));
  }
  await gateway.clock.settle();
  let answers = '';
  for (const client of clients) answers += await client.output();
  return answers;
}

function differences(now: Counts, before: Counts): Partial<Counts> {
  const names = Object.keys(now) as (keyof Counts)[];
  return Object.fromEntries(names.map((name) => [name, now[name] - before[name]]));
}

describe('a turn of many commands', () => {
  test.each([
    ['SET', ['SET', 'v'], '+OK\r\n', { timestamp: 1, readNewest: 0, writeOneKey: COMMANDS }],
    ['GET', ['GET'], '$1\r\nv\r\n', { timestamp: 0, readNewest: COMMANDS, writeOneKey: 0 }],
    ['APPEND', ['APPEND', 'w'], ':2\r\n', { timestamp: 1, readNewest: COMMANDS }],
    ['EXISTS', ['EXISTS'], ':1\r\n', { timestamp: 0, readNewest: COMMANDS }],
    ['DEL', ['DEL'], ':1\r\n', { timestamp: 1, readNewest: COMMANDS, begin: 0 }],
  ] as const)(
    'makes few promises, and asks for one timestamp at most: %s',
    async (_, command, answer, cost) => {
      const world = await many();
      const { kv } = world.gateway;
      await sendAll(world, ['SET', 'v']);
      const before = { ...kv.counts };
      let answers = '';
      const promises = await promisesOf(async () => {
        answers = await sendAll(world, command);
      });
      expect(answers).toBe(answer.repeat(COMMANDS));
      expect(differences(kv.counts, before)).toMatchObject(cost);
      // Those of the clock that settles, of the sessions' answers, of a timestamp, a message of reads and one of writes.
      expect(promises).toBeLessThan(300);
    },
  );

  test('reads of several keys share one snapshot, and each key is read once', async () => {
    const { gateway, clients } = await many();
    await clients[0]!.send(['MSET', 'a', '1', 'b', '2', 'c', '3']);
    const { kv } = gateway;
    const before = { ...kv.counts };
    const answers: string[] = [];
    const promises = await promisesOf(async () => {
      for (const client of clients) {
        client.write('MGET a b none a\r\nEXISTS b c none c\r\n'.repeat(20));
      }
      await gateway.clock.settle();
      for (const client of clients) answers.push(await client.output());
    });
    const expected = '*4\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n$1\r\n1\r\n:3\r\n'.repeat(20);
    expect(answers).toEqual(clients.map(() => expected));
    expect(differences(kv.counts, before)).toMatchObject({ timestamp: 1, readAt: 4, begin: 0 });
    expect(promises).toBeLessThan(300);
  });
});
