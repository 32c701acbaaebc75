import { expect, test } from 'vitest';
import { faultyGateway } from '../../testing/faulty-gateway.js';
import { testGateway } from '../../testing/harness.js';

test('UNWATCH forgets what was watched', async () => {
  const gateway = await testGateway();
  const client = gateway.connect();
  await client.send(['WATCH', 'k'], ['UNWATCH']);
  await gateway.connect().line('SET k other');
  expect(await client.send(['MULTI'], ['PING'], ['EXEC'])).toContain('*1\r\n+PONG\r\n');
});

test('UNWATCH inside EXEC leaves it to a second attempt to compare again', async () => {
  const { gateway, kv } = await faultyGateway();
  const client = gateway.connect();
  await client.line('WATCH k');
  kv.script.push('conflict');
  expect(await client.send(['MULTI'], ['UNWATCH'], ['SET', 'own', '1'], ['EXEC'])).toBe(
    '+OK\r\n+QUEUED\r\n+QUEUED\r\n',
  );
  // EXEC waits for its second attempt.
  await gateway.connect().line('SET k other');
  await gateway.clock.run(1_000);
  expect(await client.output()).toBe('*-1\r\n');
  expect(await client.line('EXISTS own')).toBe(':0\r\n');
});
