import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createGateway, type Gateway } from './server.js';
import { MemoryKv } from './testing/memory-kv.js';
import { realTimeEnv } from './testing/real-env.js';
import { RespClient } from './testing/resp-client.js';

describe('the socket edge', () => {
  let gateway: Gateway;
  let port: number;

  beforeEach(async () => {
    const env = realTimeEnv();
    gateway = createGateway(env, new MemoryKv(env.clock), { port: 0 });
    port = (await gateway.listen()).port;
  });

  afterEach(() => gateway.close(0));

  test('a port that is taken is an error of the start', async () => {
    const env = realTimeEnv();
    const second = createGateway(env, new MemoryKv(env.clock), { port });
    await expect(second.listen()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('it listens on loopback unless told otherwise, and INFO tells the port', async () => {
    const client = await RespClient.open(port);
    expect((await client.send('INFO', 'server')).raw).toContain(`tcp_port:${port}\r\n`);
    const cpu = (await client.send('INFO', 'cpu')).raw;
    expect(Number(/used_cpu_user:([0-9.]+)/.exec(cpu)?.[1])).toBeGreaterThan(0);
    expect((await client.send('CONFIG', 'GET', 'bind')).value).toEqual(['bind', '127.0.0.1']);
    client.close();
  });

  test('after QUIT the connection is gone, also for a client that keeps its half open', async () => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const ended = new Promise((resolve) => socket.once('end', resolve));
    socket.resume();
    socket.write('QUIT\r\n');
    await ended;
    const client = await RespClient.open(port);
    while (gateway.stats().connectedClients > 1) await client.send('PING');
    expect(gateway.stats().connectedClients).toBe(1);
    socket.destroy();
    client.close();
  });

  test('a client that ends its half still gets its replies', async () => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
    });
    const ended = new Promise((resolve) => socket.once('end', resolve));
    socket.end('SET k v\r\nGET k\r\nINCR n\r\n');
    await ended;
    expect(text).toBe('+OK\r\n$1\r\nv\r\n:1\r\n');
  });

  test('a client that is reset does no harm to others', async () => {
    const client = await RespClient.open(port);
    for (let i = 0; i < 20; i++) {
      const other = await RespClient.open(port);
      other.write('SET k v\r\nGET k\r\n'.repeat(100));
      other.close();
    }
    expect((await client.send('SET', 'k', 'mine')).raw).toBe('+OK\r\n');
    while (gateway.stats().connectedClients > 1) await client.send('PING');
    client.close();
  });
});
