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
