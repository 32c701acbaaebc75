import { expect, test } from 'vitest';
import { testGateway } from '../../testing/harness.js';

test('RESET leaves MULTI, the database, the name and the version', async () => {
  const client = (await testGateway()).connect();
  await client.send(['HELLO', '3', 'SETNAME', 'me'], ['SELECT', '1'], ['SET', 'k', 'v'], ['MULTI']);
  expect(await client.send(['RESET'], ['EXEC'], ['CLIENT', 'GETNAME'], ['GET', 'k'])).toBe(
    '+RESET\r\n-ERR EXEC without MULTI\r\n$-1\r\n$-1\r\n',
  );
});
