import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { MemoryLogger } from '@tinykv/base/testing';
import { afterEach, expect, it } from 'vitest';
import { GrpcNet } from './grpc-net.js';
import { echoServices, until } from './testing/echo.js';

const ECHO = '/test.Echo/Unary';
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const EMPTY_SETTINGS = Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0);

const logger = new MemoryLogger();
const net = new GrpcNet(logger, { connectionsMax: 3, handshakeMs: 100 });
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await net.close();
});

async function open(port: number): Promise<{ readonly socket: Socket; isClosed: boolean }> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  const opened = { socket, isClosed: false };
  // The server's words are not of interest, but its end is noticed only if it is read.
  socket.resume();
  socket.on('error', () => undefined);
  socket.on('close', () => {
    opened.isClosed = true;
  });
  await once(socket, 'connect');
  return opened;
}

it('connections that do not speak HTTP/2 in time are closed, and others find room again', async () => {
  const { address } = await net.serve('127.0.0.1:0', echoServices());
  const port = Number(address.split(':')[1]);
  const silent = await open(port);
  const half = await open(port);
  half.socket.write(PREFACE);
  const whole = await open(port);
  whole.socket.write(Buffer.concat([Buffer.from(PREFACE), EMPTY_SETTINGS]));
  await until(() => whole.socket.bytesRead > 0);
  // No room for a fourth.
  const refused = await open(port);
  await until(() => refused.isClosed);
  expect(logger.lines).toMatchObject([{ level: 'warn', message: 'too many connections' }]);
  await until(() => silent.isClosed && half.isClosed);
  expect(whole.isClosed).toBe(false);
  const answer = await net.call(address, ECHO, Buffer.from('x'), { timeoutMs: 5_000 });
  expect(Buffer.from(answer).toString()).toContain('x');
});
