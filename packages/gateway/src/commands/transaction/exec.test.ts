import { limits } from '@tinykv/base';
import { expect, test } from 'vitest';
import { faultyGateway } from '../../testing/faulty-gateway.js';
import { testGateway } from '../../testing/harness.js';

const BROKEN = '-EXECABORT Transaction discarded because of previous errors.\r\n';

test('EXEC needs a MULTI, and ends it', async () => {
  const client = (await testGateway()).connect();
  expect(await client.send(['EXEC'], ['MULTI'], ['PING'], ['EXEC'], ['EXEC'])).toBe(
    '-ERR EXEC without MULTI\r\n+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n-ERR EXEC without MULTI\r\n',
  );
});

test('EXEC of what could not be queued runs nothing', async () => {
  const client = (await testGateway()).connect();
  expect(await client.send(['MULTI'], ['SET', 'k', 'v'], ['GET'], ['EXEC'], ['EXISTS', 'k'])).toBe(
    `+OK\r\n+QUEUED\r\n-ERR wrong number of arguments for 'get' command\r\n${BROKEN}:0\r\n`,
  );
  const long = 'k'.repeat(limits.gatewayKeyBytesMax + 1);
  expect(await client.send(['MULTI'], ['GET', long], ['EXEC'])).toContain(BROKEN);
});

test('EXEC with arguments ends MULTI', async () => {
  const client = (await testGateway()).connect();
  const refused =
    "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n";
  expect(await client.send(['MULTI'], ['EXEC', 'x'], ['EXEC'])).toBe(
    `+OK\r\n${refused}-ERR EXEC without MULTI\r\n`,
  );
});

test('EXEC waits for what the session has begun, and nothing passes it', async () => {
  const client = (await testGateway()).connect();
  expect(
    await client.send(
      ['INCR', 'n'],
      ['MULTI'],
      ['INCR', 'n'],
      ['EXEC'],
      ['GET', 'n'],
      ['INCR', 'n'],
    ),
  ).toBe(':1\r\n+OK\r\n+QUEUED\r\n*1\r\n:2\r\n$1\r\n2\r\n:3\r\n');
});

test('EXEC is answered although CLIENT REPLY was among its commands', async () => {
  const client = (await testGateway()).connect();
  expect(await client.send(['MULTI'], ['CLIENT', 'REPLY', 'OFF'], ['EXEC'])).toMatch(
    /^\+OK\r\n\+QUEUED\r\n\*1\r\n/,
  );
});

test('EXEC that applies nothing leaves the session in the database where it was', async () => {
  const { gateway, kv } = await faultyGateway();
  const client = gateway.connect();
  kv.script.push('unavailable');
  await client.send(['MULTI'], ['SELECT', '5'], ['SET', 'a', '1']);
  expect(await client.line('EXEC')).toMatch(/^-CLUSTERDOWN/);
  await client.line('SET a here');
  expect(await client.send(['SELECT', '0'], ['GET', 'a'])).toBe('+OK\r\n$4\r\nhere\r\n');
});

test('EXEC whose time is over changes nothing of a session that has gone on', async () => {
  const { gateway, kv } = await faultyGateway({ config: { commandTimeoutMs: 1_000 } });
  const client = gateway.connect();
  await client.send(['MULTI'], ['SELECT', '5'], ['GET', 'a']);
  let open = (): void => undefined;
  kv.gate = new Promise((resolve) => {
    open = resolve;
  });
  client.write('EXEC\r\n');
  await gateway.clock.run(1_100);
  expect(await client.output()).toMatch(/^-CLUSTERDOWN/);
  expect(await client.line('SELECT 3')).toBe('+OK\r\n');
  kv.gate = undefined;
  open();
  await gateway.clock.settle();
  await client.line('SET k three');
  expect(await client.send(['SELECT', '3'], ['GET', 'k'])).toBe('+OK\r\n$5\r\nthree\r\n');
});
