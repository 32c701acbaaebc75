import { expect, test } from 'vitest';
import { testGateway } from '../../testing/harness.js';

test('DISCARD runs nothing and forgets what was watched', async () => {
  const gateway = await testGateway();
  const client = gateway.connect();
  expect(await client.send(['DISCARD'], ['WATCH', 'k'], ['MULTI'], ['SET', 'k', 'v'])).toBe(
    '-ERR DISCARD without MULTI\r\n+OK\r\n+OK\r\n+QUEUED\r\n',
  );
  expect(await client.send(['DISCARD'], ['EXISTS', 'k'])).toBe('+OK\r\n:0\r\n');
  await gateway.connect().line('SET k other');
  expect(await client.send(['MULTI'], ['GET', 'k'], ['EXEC'])).toContain('*1\r\n$5\r\nother\r\n');
});
