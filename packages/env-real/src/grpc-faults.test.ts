import type { StreamEvents, StreamHandler } from '@tinykv/base';
import { MemoryLogger } from '@tinykv/base/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GrpcNet } from './grpc-net.js';
import { echoServices, recorder } from './testing/echo.js';

const CHAT = '/test.Echo/Chat';
const bytes = (text: string): Uint8Array => Buffer.from(text);

let logger: MemoryLogger;
let net: GrpcNet;

beforeEach(() => {
  logger = new MemoryLogger();
  net = new GrpcNet(logger);
});
afterEach(() => net.close());

function serveChat(handler: StreamHandler) {
  return net.serve('127.0.0.1:0', { unary: new Map(), stream: new Map([[CHAT, handler]]) });
}

const oops = (): never => {
  throw new TypeError('oops');
};

describe('what the handler of a stream throws', () => {
  it('ends that stream at the server, and is said and logged once', async () => {
    let messages = 0;
    const { address } = await serveChat(() => ({
      onMessage: () => {
        messages++;
        oops();
      },
      onClose: () => undefined,
    }));
    const client = recorder();
    const stream = net.open(address, CHAT, client.events);
    for (let i = 0; i < 3; i++) stream.send(bytes('x'));
    expect(await client.closed.promise).toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('oops'),
    });
    expect(messages).toBe(1);
    expect(logger.lines).toMatchObject([
      { level: 'error', message: 'a handler failed', fields: { method: CHAT, error: 'oops' } },
    ]);
  });

  it('at the end of a stream is logged', async () => {
    const { address } = await serveChat((stream) => ({
      onMessage: () => stream.end(),
      onClose: oops,
    }));
    const client = recorder();
    net.open(address, CHAT, client.events).send(bytes('x'));
    expect(await client.closed.promise).toBeUndefined();
    await expect.poll(() => logger.lines.length).toBe(1);
  });

  it('ends that stream at the client', async () => {
    const { address } = await net.serve('127.0.0.1:0', echoServices());
    const closed = new Promise((resolve) => {
      const events: StreamEvents = { onMessage: oops, onClose: resolve };
      net.open(address, CHAT, events).send(bytes('x'));
    });
    expect(await closed).toMatchObject({ code: 'INTERNAL', message: 'oops' });
    expect(logger.lines).toMatchObject([{ message: 'a handler failed' }]);
  });
});

describe('an address that is none', () => {
  it('fails the stream and the call that are opened to it', async () => {
    for (const address of ['', 'localhost', 'a b:1', '[x]:1', 'a:65536', '\u0000:1', '%zz:9']) {
      const client = recorder();
      const stream = net.open(address, CHAT, client.events);
      expect(stream.send(bytes('x'))).toBe(true);
      stream.end();
      expect(await client.closed.promise).toBeDefined();
      expect(client.closes).toBe(1);
      await expect(net.call(address, CHAT, bytes('x'), { timeoutMs: 5_000 })).rejects.toThrow();
    }
  });
});
