import { limits } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { type FaultyGateway, faultyGateway } from './testing/faulty-gateway.js';
import { type TestClient, type TestGateway, testGateway } from './testing/harness.js';
import { encodeRequest } from './testing/resp-client.js';

const BUDGET = 1_000_000;

function small(): Promise<FaultyGateway> {
  return faultyGateway({ config: { clientsBytesMax: BUDGET } });
}

/** The beginning of a request that holds about so many bytes. */
function unfinished(bytes: number): string {
  return `*2\r\n$${2 * bytes}\r\n${'x'.repeat(bytes)}`;
}

function heldBy(gateway: TestGateway): number[] {
  return [...gateway.core.state.sessions()].map((session) => session.heldBytes);
}

function isDropped({ connection }: TestClient): boolean {
  return connection.destroyed;
}

describe('the memory that clients hold', () => {
  test('is bounded for all together: who holds most is dropped', async () => {
    const { gateway } = await small();
    const [most, less, none] = [gateway.connect(), gateway.connect(), gateway.connect()];
    most.write(unfinished(600_000));
    less.write(unfinished(300_000));
    expect(await none.line('PING')).toBe('+PONG\r\n');
    expect([most, less, none].map(isDropped)).toEqual([false, false, false]);
    less.write('x'.repeat(200_000));
    expect([most, less, none].map(isDropped)).toEqual([true, false, false]);
    expect(heldBy(gateway)[0]).toBeGreaterThanOrEqual(500_000);
    expect(await none.line('SET k v')).toBe('+OK\r\n');
  });

  test.each([
    ['an unfinished request', unfinished(400_000)],
    ['many empty arguments', `*1000000\r\n${'$0\r\n\r\n'.repeat(30_000)}`],
    ['many small arguments', `*1000000\r\n${'$1\r\nx\r\n'.repeat(3_000)}`],
    [
      'commands since MULTI',
      `MULTI\r\n${encodeRequest(['SET', 'k', 'x'.repeat(10_000)]).repeat(40)}`,
    ],
    [
      'watched keys',
      `${encodeRequest(['WATCH', ...Array.from({ length: 1_000 }, (_, i) => `k${i}`)])}`,
    ],
  ])('counts %s', async (_, bytes) => {
    const { gateway } = await small();
    const clients = [gateway.connect(), gateway.connect(), gateway.connect()];
    for (const client of clients) {
      client.write(bytes);
      await client.output();
    }
    const held = heldBy(gateway);
    expect(held.length === 2 || held[0]! > 400_000).toBe(true);
    for (const client of clients) client.close();
    await gateway.clock.settle();
    const last = gateway.connect();
    expect(await last.line('PING')).toBe('+PONG\r\n');
    expect(heldBy(gateway)).toEqual([0]);
  });

  test('counts commands that run, also of a client that is gone, until they end', async () => {
    const { gateway, kv } = await small();
    let open: (() => void) | undefined;
    kv.gate = new Promise((resolve) => {
      open = resolve;
    });
    const gone = gateway.connect();
    gone.write(encodeRequest(['SET', 'k', 'x'.repeat(800_000)]));
    await gateway.clock.settle();
    gone.close();
    const greedy = gateway.connect();
    greedy.write(unfinished(300_000));
    expect(isDropped(greedy)).toBe(true);
    const modest = gateway.connect();
    expect(await modest.line('PING')).toBe('+PONG\r\n');
    open!();
    await gateway.clock.settle();
    const later = gateway.connect();
    later.write(unfinished(300_000));
    expect(isDropped(later)).toBe(false);
  });

  test('counts answers that a client does not read', async () => {
    const { gateway } = await small();
    const slow = gateway.connect();
    await slow.send(['SET', 'k', 'x'.repeat(200_000)]);
    slow.connection.blocked = true;
    slow.write('GET k\r\n'.repeat(8));
    await gateway.clock.settle();
    expect(isDropped(slow)).toBe(true);
  });

  test('does not cost those their connection who hold little', async () => {
    const { gateway, kv } = await small();
    kv.gate = new Promise(() => undefined);
    const gone = gateway.connect();
    gone.write(encodeRequest(['SET', 'k', 'x'.repeat(BUDGET)]));
    await gateway.clock.settle();
    const client = gateway.connect();
    client.write(unfinished(limits.gatewayClientBytesMin - 1_000));
    expect(isDropped(client)).toBe(false);
    client.write('x'.repeat(2_000));
    expect(isDropped(client)).toBe(true);
  });
});

test('clients that never send anything stay, and count against the most there may be', async () => {
  const gateway = await testGateway({ config: { clientsMax: 2, commandTimeoutMs: 1_000 } });
  const silent = [gateway.connect(), gateway.connect()];
  await gateway.clock.run(3_600_000);
  expect(silent.map(isDropped)).toEqual([false, false]);
  expect(() => gateway.connect()).toThrow('refused');
  silent[0]!.close();
  expect(await gateway.connect().line('PING')).toBe('+PONG\r\n');
});

test('CLIENT LIST tells what each client has sent and holds', async () => {
  const gateway = await testGateway();
  const client = gateway.connect();
  const partial = gateway.connect();
  partial.write('*2\r\n$3\r\nGET\r\n$5\r\nab');
  const lines = (await client.line('CLIENT LIST')).split('\n');
  expect(lines[1]).toMatch(/ qbuf=26 qbuf-free=0 /);
  expect(lines[2]).toMatch(/ qbuf=2 qbuf-free=0 /);
  expect(lines[2]).toMatch(/ tot-mem=\d{3} /);
});
