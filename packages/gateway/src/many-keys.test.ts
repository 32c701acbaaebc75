import { limits } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { faultyGateway } from './testing/faulty-gateway.js';
import type { TestClient, TestGateway } from './testing/harness.js';
import { encodeRequest } from './testing/resp-client.js';

interface Watched {
  readonly gateway: TestGateway;
  readonly client: TestClient;
  /** Keys that the gateway has asked for, by the turn of the event loop in which it did. */
  readonly askedByTurn: Map<number, number>;
  /** Lets turns of the event loop pass, up to the client's answer. */
  pass(turnsMax: number): Promise<void>;
  /** The client's answer, when it has come. */
  answer(): Promise<string>;
}

async function watched(): Promise<Watched> {
  const { gateway, kv } = await faultyGateway();
  const client = gateway.connect();
  const askedByTurn = new Map<number, number>();
  let turn = 0;
  kv.beforeBatchGet = (keys) => {
    askedByTurn.set(turn, (askedByTurn.get(turn) ?? 0) + keys);
  };
  const pass = async (turnsMax: number): Promise<void> => {
    for (const end = turn + turnsMax; turn < end && client.connection.output === ''; turn++) {
      gateway.clock.runDeferred();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const answer = async (): Promise<string> => {
    await pass(1_000);
    return client.output();
  };
  return { gateway, client, askedByTurn, pass, answer };
}

const COUNT = 20_000;

function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key:${i}`);
}

function pairs(count: number): string[] {
  return names(count).flatMap((name) => [name, 'v']);
}

function total(counts: ReadonlyMap<number, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

describe('a command of many keys', () => {
  test.each(['EXISTS', 'TOUCH', 'MGET', 'DEL', 'UNLINK'])(
    '%s reads them in steps, each in a turn of its own',
    async (name) => {
      const { client, askedByTurn, answer } = await watched();
      client.write(encodeRequest(['MSET', ...pairs(3)]));
      expect(await answer()).toBe('+OK\r\n');
      askedByTurn.clear();
      client.write(encodeRequest([name, ...names(COUNT)]));
      const head = name === 'MGET' ? `*${COUNT}\r\n$1\r\nv\r\n$1\r\nv\r\n$1\r\nv\r\n$-1` : ':3\r\n';
      expect((await answer()).slice(0, head.length)).toBe(head);
      expect(total(askedByTurn)).toBe(COUNT);
      expect(Math.max(...askedByTurn.values())).toBeLessThanOrEqual(limits.gatewayStepKeys);
    },
  );

  test.each(['MSET', 'MSETNX'])('%s writes them in steps', async (name) => {
    const { client, askedByTurn, answer } = await watched();
    client.write(encodeRequest([name, ...pairs(COUNT)]));
    expect(await answer()).toBe(name === 'MSET' ? '+OK\r\n' : ':1\r\n');
    expect(Math.max(...askedByTurn.values())).toBeLessThanOrEqual(limits.gatewayStepKeys);
    client.write(encodeRequest(['EXISTS', ...names(COUNT)]));
    expect(await answer()).toBe(`:${COUNT}\r\n`);
  });

  test('that are given twice counts them as Redis does, and reads each once', async () => {
    const { client, askedByTurn, answer } = await watched();
    client.write(encodeRequest(['SET', 'k', 'v']));
    await answer();
    askedByTurn.clear();
    client.write(encodeRequest(['EXISTS', 'k', 'none', ...Array(3_000).fill('k')]));
    expect(await answer()).toBe(':3001\r\n');
    expect(total(askedByTurn)).toBe(2);
    client.write(encodeRequest(['DEL', 'k', 'none', ...Array(3_000).fill('k')]));
    expect(await answer()).toBe(':1\r\n');
  });

  test.each([
    ['EXISTS', names(COUNT)],
    ['DEL', names(COUNT)],
    ['MSET', pairs(COUNT)],
  ] as const)('ends with its client: %s', async (name, args) => {
    const { gateway, client, askedByTurn, pass, answer } = await watched();
    client.write(encodeRequest(['SET', 'key:0', 'before']));
    await answer();
    askedByTurn.clear();
    client.write(encodeRequest([name, ...args]));
    await pass(5);
    client.close();
    await gateway.clock.settle();
    expect(total(askedByTurn)).toBeGreaterThan(0);
    expect(total(askedByTurn)).toBeLessThan(COUNT / 2);
    expect(await gateway.connect().line('GET key:0')).toBe('$6\r\nbefore\r\n');
  });

  test('keeps its place among the commands of its session', async () => {
    const { gateway } = await watched();
    const client = gateway.connect();
    const many = names(3_000);
    const output = await client.send(
      ['SET', 'key:7', 'v'],
      ['EXISTS', ...many],
      ['DEL', ...many],
      ['GET', 'key:7'],
      ['SET', 'key:7', 'w'],
      ['EXISTS', ...many],
    );
    expect(output).toBe('+OK\r\n:1\r\n:1\r\n$-1\r\n+OK\r\n:1\r\n');
  });

  test('applies nothing when it writes more than one transaction holds', async () => {
    const { gateway } = await watched();
    const client = gateway.connect();
    const over = limits.gatewayTxnKeysMax + 1;
    const refusal = `-ERR transaction writes more than ${limits.gatewayTxnKeysMax} keys\r\n`;
    expect(await client.send(['MSET', ...pairs(over)])).toBe(refusal);
    expect(await client.line('EXISTS key:0')).toBe(':0\r\n');
    await client.send(['MSET', ...pairs(over - 1)], ['SET', `key:${over - 1}`, 'v']);
    expect(await client.send(['DEL', ...names(over)])).toBe(refusal);
    expect(await client.send(['EXISTS', ...names(over)])).toBe(`:${over}\r\n`);
  });

  test('in a pipeline of its kind lets others have their turn', async () => {
    const { gateway, client } = await watched();
    const many = encodeRequest(['EXISTS', ...names(1_000)]);
    const before = gateway.core.state.stats.commandsProcessed;
    client.write(many.repeat(50));
    expect(gateway.core.state.stats.commandsProcessed - before).toBeLessThanOrEqual(
      1 + limits.gatewayTurnArgumentsMax / 1_000,
    );
    expect(await client.output()).toBe(':0\r\n'.repeat(50));
  });
});

test('EXEC of many keys takes no latches, and is one transaction', async () => {
  const { gateway } = await watched();
  const client = gateway.connect();
  await client.line('MULTI');
  await client.send(...names(2_000).map((name) => ['SET', name, 'v']));
  expect(await client.line('EXEC')).toBe(`*2000\r\n${'+OK\r\n'.repeat(2_000)}`);
});

test('a command without keys is refused too many arguments', async () => {
  const { gateway } = await watched();
  const client = gateway.connect();
  const patterns = names(limits.gatewayPlainArgumentsMax);
  expect(await client.send(['CONFIG', 'GET', ...patterns])).toMatch(/^-ERR more than 16384 arg/);
  expect(await client.send(['CLIENT', 'LIST', 'ID', ...patterns])).toMatch(/^-ERR more than/);
  expect(await client.send(['COMMAND', 'INFO', ...patterns])).toMatch(/^-ERR more than/);
});
