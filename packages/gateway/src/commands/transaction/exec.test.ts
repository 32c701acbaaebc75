import { limits } from '@tinykv/base';
import { expect, test } from 'vitest';
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
