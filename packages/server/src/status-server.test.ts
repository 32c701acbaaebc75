import { once } from 'node:events';
import { connect } from 'node:net';
import { limits } from '@tinykv/base';
import { afterEach, expect, it } from 'vitest';
import { type StatusServer, startStatusServer } from './status-server.js';

let server: StatusServer | undefined;

afterEach(() => server?.close());

it('/ready says why a process does no work', async () => {
  let reason: string | undefined;
  server = await startStatusServer('127.0.0.1:0', {
    status: () => ({}),
    notReady: () => reason,
    metrics: () => Promise.resolve(''),
    config: () => ({}),
  });
  const look = async (): Promise<unknown> => {
    const answer = await fetch(`http://${server!.address}/ready`);
    return [answer.status, await answer.json()];
  };
  expect(await look()).toEqual([200, { ready: true }]);
  reason = 'all peers of this store are damaged';
  expect(await look()).toEqual([503, { ready: false, reason }]);
});

it('a status page closes connections that ask nothing, so that others are served', async () => {
  const sources = {
    status: () => ({}),
    notReady: () => undefined,
    metrics: async () => '',
    config: () => ({}),
  };
  const server = await startStatusServer('127.0.0.1:0', sources, 100);
  const port = Number(server.address.split(':')[1]);
  const idle = Array.from({ length: limits.statusConnectionsMax }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    return socket;
  });
  await Promise.all(idle.map((socket) => once(socket, 'close')));
  const response = await fetch(`http://${server.address}/ready`);
  expect(await response.json()).toEqual({ ready: true });
  await server.close();
});
