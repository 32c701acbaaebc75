import { expect, test } from 'vitest';
import { testGateway } from '../../testing/harness.js';

test('MULTI queues what follows, and is not nested', async () => {
  const client = (await testGateway()).connect();
  expect(await client.send(['MULTI'], ['SET', 'k', 'v'], ['MULTI'], ['EXEC'])).toBe(
    '+OK\r\n+QUEUED\r\n-ERR MULTI calls can not be nested\r\n*1\r\n+OK\r\n',
  );
});
