import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KvError } from '@tinykv/base';
import { afterEach, expect, it } from 'vitest';
import { isListenError, listenFailure } from './listen-failure.js';

let page: Server | undefined;
afterEach(() => page?.close());

async function servePage(body: object): Promise<string> {
  const server = createServer((_request, response) => response.end(JSON.stringify(body)));
  page = server;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function refusal(code: string): KvError {
  const cause = Object.assign(new Error(`listen ${code}`), { code, syscall: 'listen' });
  return new KvError('UNAVAILABLE', 'cannot listen', { cause });
}

const help = { address: '127.0.0.1:20160', flag: '--addr', statusAddress: undefined };

it('an address in use: names the store that has it, and says what to do', async () => {
  const statusAddress = await servePage({
    program: 'tinykv-server',
    pid: 12,
    storeId: 3,
    address: help.address,
  });
  const failure = await listenFailure(refusal('EADDRINUSE'), { ...help, statusAddress });
  expect(failure.message).toBe(
    'cannot listen on 127.0.0.1:20160: the address is in use by store 3 (process 12); ' +
      'stop that process, or choose another address with --addr',
  );
});

it('an address in use by who knows whom: says what to do', async () => {
  // A store at this port of another address, say.
  const other = await servePage({ program: 'tinykv-server', pid: 1, address: '10.0.0.1:20160' });
  for (const statusAddress of [other, undefined]) {
    const failure = await listenFailure(refusal('EADDRINUSE'), { ...help, statusAddress });
    expect(failure.message).toContain('in use by another process; stop that process, or choose');
  }
});

it('other reasons have their own way out', async () => {
  const text = async (code: string): Promise<string> =>
    (await listenFailure(refusal(code), help)).message;
  expect(await text('EADDRNOTAVAIL')).toContain('this machine has no such address');
  expect(await text('EACCES')).toContain('choose one above 1023 with --addr');
});

it('a refusal to listen is told from a refused connection', () => {
  expect(isListenError(refusal('EADDRINUSE'))).toBe(true);
  const cause = Object.assign(new Error('no'), { code: 'ECONNREFUSED', syscall: 'connect' });
  expect(isListenError(new KvError('UNAVAILABLE', 'no', { cause }))).toBe(false);
  expect(isListenError(new Error('no'))).toBe(false);
});
