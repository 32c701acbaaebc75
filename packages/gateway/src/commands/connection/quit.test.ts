import { expect, test } from 'vitest';
import { testGateway } from '../../testing/harness.js';

test('QUIT is answered, and nothing after it', async () => {
  const client = (await testGateway()).connect();
  expect(await client.send(['SET', 'k', 'v'], ['QUIT'], ['PING'])).toBe('+OK\r\n+OK\r\n');
  expect(client.connection.ended).toBe(true);
});

test('QUIT inside MULTI is not queued', async () => {
  const client = (await testGateway()).connect();
  expect(await client.send(['MULTI'], ['QUIT'])).toBe('+OK\r\n+OK\r\n');
  expect(client.connection.ended).toBe(true);
});
