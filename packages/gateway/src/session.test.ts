import { limits } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { faultyGateway } from './testing/faulty-gateway.js';
import type { FaultyKv } from './testing/faulty-kv.js';
import { type TestGateway, testGateway } from './testing/harness.js';
import { encodeRequest } from './testing/resp-client.js';

interface Gated {
  readonly gateway: TestGateway;
  readonly kv: FaultyKv;
}

async function gated(): Promise<Gated> {
  const { gateway, kv } = await faultyGateway();
  return { gateway, kv };
}

describe('order', () => {
  test('replies come in the order of the requests, whatever ends first', async () => {
    const { gateway, kv } = await gated();
    const client = gateway.connect();
    await client.send(['SET', 'a', '1']);
    let open: (() => void) | undefined;
    kv.gate = new Promise((resolve) => {
      open = resolve;
    });
    client.write('GET a\r\nPING\r\nECHO x\r\nnope\r\n');
    expect(await client.output()).toBe('');
    open!();
    expect(await client.output()).toMatch(/^\$1\r\n1\r\n\+PONG\r\n\$1\r\nx\r\n-ERR unknown/);
  });

  test('on one key, a pipeline is carried out in its order', async () => {
    const { gateway } = await gated();
    const client = gateway.connect();
    const requests: string[][] = [];
    let expected = '';
    for (let i = 1; i <= 200; i++) {
      requests.push(['GET', 'n'], ['INCR', 'n'], ['GET', 'n']);
      const before = i === 1 ? '$-1' : `$${String(i - 1).length}\r\n${i - 1}`;
      expected += `${before}\r\n:${i}\r\n$${String(i).length}\r\n${i}\r\n`;
    }
    expect(await client.send(...requests)).toBe(expected);
  });

  test('on different keys, a pipeline runs at once', async () => {
    const { gateway, kv } = await gated();
    const client = gateway.connect();
    let waiting = 0;
    let most = 0;
    let open: (() => void) | undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    kv.beforeCommit = async () => {
      most = Math.max(most, ++waiting);
      await opened;
      waiting--;
    };
    for (let i = 0; i < 20; i++) client.write(`SET k${i} v\r\n`);
    await client.output();
    expect(most).toBe(20);
    open!();
    expect(await client.output()).toBe('+OK\r\n'.repeat(20));
  });

  test('SELECT and the version hold for what follows, not for what is under way', async () => {
    const { gateway } = await gated();
    const client = gateway.connect();
    const output = await client.send(
      ['GET', 'k'],
      ['SELECT', '1'],
      ['SET', 'k', 'one'],
      ['HELLO', '3', 'SETNAME', 'x'],
      ['GET', 'none'],
      ['SELECT', '0'],
      ['GET', 'k'],
    );
    expect(output).toMatch(/^\$-1\r\n\+OK\r\n\+OK\r\n%7[\s\S]*_\r\n\+OK\r\n_\r\n$/);
  });

  test('many clients on one key share transactions', async () => {
    const { gateway, kv } = await gated();
    const clients = Array.from({ length: 50 }, () => gateway.connect());
    for (const client of clients) client.write('INCR hot\r\nINCR hot\r\n');
    await gateway.clock.settle();
    const replies: number[] = [];
    for (const client of clients) {
      for (const match of (await client.output()).matchAll(/:(\d+)/g))
        replies.push(Number(match[1]));
    }
    expect(replies.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(kv.fates.length).toBeLessThan(10);
  });
});

describe('flow', () => {
  test('a client that does not read is not read', async () => {
    const { gateway } = await gated();
    const client = gateway.connect();
    client.connection.blocked = true;
    client.write('PING\r\n');
    await gateway.clock.settle();
    expect(client.connection.paused).toBe(true);
    client.write('PING\r\nPING\r\n');
    expect(await client.output()).toBe('+PONG\r\n');
    client.drain();
    expect(await client.output()).toBe('+PONG\r\n+PONG\r\n');
    expect(client.connection.paused).toBe(false);
  });

  test('requests that wait for too many others stop the reading', async () => {
    const { gateway, kv } = await gated();
    const client = gateway.connect();
    let open: (() => void) | undefined;
    kv.gate = new Promise((resolve) => {
      open = resolve;
    });
    const count = limits.gatewaySessionInflightMax + limits.gatewaySessionQueuedMax;
    for (let i = 0; i < count; i++) client.write(`GET k${i}\r\n`);
    expect(client.connection.paused).toBe(true);
    open!();
    expect(await client.output()).toBe('$-1\r\n'.repeat(count));
    expect(client.connection.paused).toBe(false);
  });

  test('a client that never reads is dropped', async () => {
    const { gateway } = await gated();
    const client = gateway.connect();
    const megabytes = limits.gatewayBulkBytesMax;
    await client.send(['SET', 'big', 'v'.repeat(megabytes)]);
    const count = Math.ceil(limits.gatewayOutputBytesMax / megabytes) + 1;
    client.connection.blocked = true;
    client.write('GET big\r\n'.repeat(count));
    await gateway.clock.settle();
    client.connection.output = '';
    expect(client.connection.destroyed).toBe(true);
  });

  test('a pipeline of many requests without reading is bounded and answered', async () => {
    const { gateway } = await gated();
    const client = gateway.connect();
    let pongs = 0;
    for (let i = 0; i < 100; i++) {
      client.write('PING\r\n'.repeat(1_000));
      pongs += (await client.output()).length / 7;
    }
    expect(pongs).toBe(100_000);
  });
});

describe('ends', () => {
  test('QUIT answers what came before it, and nothing after', async () => {
    const { gateway } = await gated();
    const client = gateway.connect();
    expect(await client.send(['SET', 'a', '1'], ['GET', 'a'], ['QUIT'], ['GET', 'a'])).toBe(
      '+OK\r\n$1\r\n1\r\n+OK\r\n',
    );
    expect(client.connection.ended).toBe(true);
  });

  test('a protocol error is told after the replies before it, and closes', async () => {
    const { gateway } = await gated();
    const client = gateway.connect();
    client.write(`${encodeRequest(['SET', 'a', '1'])}*1\r\nfoo\r\nPING\r\n`);
    expect(await client.output()).toBe("+OK\r\n-ERR Protocol error: expected '$', got 'f'\r\n");
    expect(client.connection.ended).toBe(true);
    client.write('PING\r\n');
    expect(await client.output()).toBe('');
  });

  test('a browser that was made to speak to the port is cut off', async () => {
    const { gateway } = await gated();
    const client = gateway.connect();
    client.write('POST / HTTP/1.1\r\nHost: x\r\n\r\nSET k v\r\n');
    expect(await client.output()).toBe('');
    expect(client.connection.ended || client.connection.destroyed).toBe(true);
    expect(await gateway.connect().line('EXISTS k')).toBe(':0\r\n');
  });

  test('a client that has sent all it wants still gets the replies', async () => {
    const { gateway } = await gated();
    const client = gateway.connect();
    client.write('SET a 1\r\nGET a\r\n');
    client.endInput();
    expect(await client.output()).toBe('+OK\r\n$1\r\n1\r\n');
    expect(client.connection.ended).toBe(true);
  });

  test('CLIENT KILL ends others at once and oneself after the reply', async () => {
    const { gateway } = await gated();
    const one = gateway.connect();
    const two = gateway.connect();
    expect(await one.line('CLIENT KILL ID 2')).toBe(':1\r\n');
    expect(two.connection.destroyed).toBe(true);
    expect(await one.line('CLIENT KILL ID 1 SKIPME no')).toBe(':1\r\n');
    expect(one.connection.ended).toBe(true);
  });

  test('no more clients than are allowed', async () => {
    const gateway = await testGateway({ config: { clientsMax: 2 } });
    gateway.connect();
    const second = gateway.connect();
    expect(() => gateway.connect()).toThrow('refused');
    second.close();
    gateway.connect();
    expect(gateway.core.state.stats.connectionsRejected).toBe(1);
  });

  test('closing lets what was begun finish', async () => {
    const { gateway, kv } = await gated();
    const client = gateway.connect();
    let open: (() => void) | undefined;
    kv.gate = new Promise((resolve) => {
      open = resolve;
    });
    client.write('SET a 1\r\n');
    const closed = gateway.core.close(1_000);
    client.write('SET b 1\r\n');
    open!();
    expect(await client.output()).toBe('+OK\r\n');
    expect(client.connection.ended).toBe(true);
    client.close();
    await gateway.clock.runUntil(closed);
  });
});

test('CLIENT REPLY: OFF, SKIP, ON', async () => {
  const { gateway } = await gated();
  const client = gateway.connect();
  const requests = ['CLIENT REPLY SKIP', 'PING', 'PING', 'CLIENT REPLY OFF', 'PING', 'SET a 1'];
  const output = await client.send(
    ...[...requests, 'GET a', 'CLIENT REPLY ON', 'GET a'].map((line) => line.split(' ')),
  );
  expect(output).toBe('+PONG\r\n+OK\r\n$1\r\n1\r\n');
});

test('names that JavaScript knows are keys like any other', async () => {
  const { gateway } = await gated();
  const client = gateway.connect();
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    expect(await client.line(`GET ${name}`)).toBe('$-1\r\n');
    expect(await client.line(`SET ${name} v`)).toBe('+OK\r\n');
    expect(await client.line(`GET ${name}`)).toBe('$1\r\nv\r\n');
    expect(await client.line(`${name} x`)).toMatch(/^-ERR unknown command/);
    expect(await client.line(`CLIENT ${name}`)).toMatch(/^-ERR unknown subcommand/);
    expect(await client.line(`CONFIG GET ${name}`)).toBe('*0\r\n');
  }
});

test('keys of any bytes survive', async () => {
  const { gateway } = await gated();
  const client = gateway.connect();
  for (const key of ['\0', '\xff\xfe', '', '\r\n', '\xc3\x28']) {
    expect(await client.send(['SET', key, key], ['GET', key], ['DEL', key])).toBe(
      `+OK\r\n$${key.length}\r\n${key}\r\n:1\r\n`,
    );
  }
});

test('GETs of a key cost one read in a turn and no timestamp, unless the key expires', async () => {
  const gateway = await testGateway();
  const client = gateway.connect();
  await client.send(['SET', 'plain', 'v'], ['SET', 'ttl', 'v', 'EX', '10']);
  const { counts } = gateway.kv;
  const before = { ...counts };
  await client.send(['GET', 'plain'], ['STRLEN', 'plain'], ['TTL', 'plain'], ['GET', 'none']);
  expect(counts).toEqual({ ...before, readNewest: before.readNewest + 2 });
  await client.send(['GET', 'ttl']);
  expect(counts).toEqual({
    ...before,
    readNewest: before.readNewest + 3,
    timestamp: before.timestamp + 1,
  });
});
