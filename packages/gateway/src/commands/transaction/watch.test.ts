import { limits } from '@tinykv/base';
import { expect, test } from 'vitest';
import { testGateway } from '../../testing/harness.js';

test('EXEC answers nothing when a watched key has changed', async () => {
  const gateway = await testGateway();
  const client = gateway.connect();
  await client.line('WATCH k');
  await gateway.connect().line('SET k other');
  expect(await client.send(['MULTI'], ['SET', 'k', 'own'], ['EXEC'], ['GET', 'k'])).toBe(
    '+OK\r\n+QUEUED\r\n*-1\r\n$5\r\nother\r\n',
  );
});

test('WATCH inside MULTI is refused, and MULTI goes on', async () => {
  const client = (await testGateway()).connect();
  expect(await client.send(['MULTI'], ['WATCH', 'k'], ['PING'], ['EXEC'])).toBe(
    '+OK\r\n-ERR WATCH inside MULTI is not allowed\r\n+QUEUED\r\n*1\r\n+PONG\r\n',
  );
});

test('the number of watched keys has a limit', async () => {
  const client = (await testGateway()).connect();
  const keys = Array.from({ length: limits.gatewayWatchedKeysMax + 1 }, (_, i) => `k${i}`);
  expect(await client.send(['WATCH', ...keys])).toBe('-ERR too many watched keys\r\n');
});
