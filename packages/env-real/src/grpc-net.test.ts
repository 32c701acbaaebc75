import { connect, type Socket } from 'node:net';
import {
  KvError,
  limits,
  type NetError,
  type NetServer,
  type ServiceTable,
  type StreamHandler,
  type UnaryHandler,
} from '@tinykv/base';
import { MemoryLogger } from '@tinykv/base/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GrpcNet } from './grpc-net.js';
import { Deferred, echoServices, recorder, until } from './testing/echo.js';

const ECHO = '/test.Echo/Unary';
const CHAT = '/test.Echo/Chat';
const timeoutMs = 5_000;
const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (message: Uint8Array): string => Buffer.from(message).toString();

let logger: MemoryLogger;
let serverNet: GrpcNet;
let net: GrpcNet;

beforeEach(() => {
  logger = new MemoryLogger();
  serverNet = new GrpcNet(logger);
  net = new GrpcNet(logger);
});
afterEach(async () => {
  await net.close();
  await serverNet.close();
});

function serve(services: ServiceTable = echoServices()): Promise<NetServer> {
  return serverNet.serve('127.0.0.1:0', services);
}

describe('calls', () => {
  it('carry bytes there and back, empty ones too', async () => {
    const { address } = await serve();
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(text(await net.call(address, ECHO, bytes('hello'), { timeoutMs }))).toBe('hello');
    expect(await net.call(address, ECHO, bytes(''), { timeoutMs })).toHaveLength(0);
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, i) => net.call(address, ECHO, bytes(`${i}`), { timeoutMs })),
    );
    expect(all.map(text)).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`));
  });

  it('tell the handler who calls', async () => {
    const { address } = await serve({
      unary: new Map([[ECHO, async (_, peer) => bytes(peer.address)]]),
      stream: new Map(),
    });
    expect(text(await net.call(address, ECHO, bytes(''), { timeoutMs }))).toMatch(
      /^127\.0\.0\.1:\d+$/,
    );
  });

  it('fail with the code and message of a KvError, with INTERNAL for anything else', async () => {
    const { address } = await serve({
      unary: new Map([
        [
          '/test.Echo/Kv',
          async () => {
            throw new KvError('NOT_FOUND', 'no Ärger, 100 % of it: \ud800\n');
          },
        ],
        [
          '/test.Echo/Bug',
          async () => {
            throw new TypeError('oops');
          },
        ],
      ]),
      stream: new Map(),
    });
    await expect(
      net.call(address, '/test.Echo/Kv', bytes(''), { timeoutMs }),
    ).rejects.toMatchObject({
      name: 'KvError',
      code: 'NOT_FOUND',
      message: expect.stringContaining('no Ärger, 100 %'),
    });
    expect(logger.lines).toEqual([]);
    await expect(
      net.call(address, '/test.Echo/Bug', bytes(''), { timeoutMs }),
    ).rejects.toMatchObject({ code: 'INTERNAL', message: expect.stringContaining('oops') });
    expect(logger.lines).toMatchObject([
      { level: 'error', fields: { method: '/test.Echo/Bug', error: 'oops' } },
    ]);
  });

  it('end with UNIMPLEMENTED when the method is unknown', async () => {
    const { address } = await serve();
    await expect(
      net.call(address, '/test.Echo/No', bytes(''), { timeoutMs }),
    ).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  });

  it('end at their deadline', async () => {
    const blocked = new Deferred<Uint8Array>();
    const { address } = await serve({
      unary: new Map([[ECHO, () => blocked.promise]]),
      stream: new Map(),
    });
    await expect(net.call(address, ECHO, bytes(''), { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    blocked.resolve(bytes('late'));
  });

  it('refuse messages above the limit both ways, and the connection lives on', async () => {
    const max = limits.grpcMessageBytesMax;
    const { address } = await serve({
      unary: new Map<string, UnaryHandler>([
        ['/test.Echo/Grow', async () => new Uint8Array(max + 1)],
        ['/test.Echo/Size', async (request) => bytes(String(request.length))],
      ]),
      stream: new Map(),
    });
    const size = '/test.Echo/Size';
    await expect(
      net.call(address, size, new Uint8Array(max + 1), { timeoutMs }),
    ).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await expect(
      net.call(address, '/test.Echo/Grow', bytes(''), { timeoutMs }),
    ).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    const whole = await net.call(address, size, new Uint8Array(max), { timeoutMs });
    expect(text(whole)).toBe(String(max));
  });
});

describe('streams', () => {
  it('carry messages in order both ways and end cleanly', async () => {
    const { address } = await serve();
    const client = recorder();
    const stream = net.open(address, CHAT, client.events);
    const sent = Array.from({ length: 200 }, (_, i) => `message ${i}`);
    for (const message of sent) stream.send(bytes(message));
    await until(() => client.messages.length === sent.length);
    expect(client.messages).toEqual(sent);
    expect(stream.bufferedBytes).toBe(0);
    stream.end();
    expect(await client.closed.promise).toBeUndefined();
    // After the end everything is a no-op.
    expect(stream.send(bytes('x'))).toBe(true);
    stream.end();
    stream.destroy();
    expect(client.closes).toBe(1);
  });

  it('take a message as it is at the time of the call', async () => {
    const { address } = await serve();
    const client = recorder();
    const stream = net.open(address, CHAT, client.events);
    const message = bytes('mine');
    stream.send(message);
    message.fill(0);
    await until(() => client.messages.length === 1);
    expect(client.messages).toEqual(['mine']);
    stream.destroy();
  });

  it('tell a handler of the end of the client, and let it answer after', async () => {
    const got: string[] = [];
    const { address } = await serve({
      unary: new Map(),
      stream: new Map([
        [
          CHAT,
          (stream) => ({
            onMessage: (message) => void got.push(text(message)),
            onClose: (error) => {
              got.push(error === undefined ? 'end' : error.code);
              stream.send(bytes('summary'));
              stream.end();
            },
          }),
        ],
      ]),
    });
    const client = recorder();
    const stream = net.open(address, CHAT, client.events);
    stream.send(bytes('a'));
    stream.send(bytes('b'));
    stream.end();
    expect(await client.closed.promise).toBeUndefined();
    expect(got).toEqual(['a', 'b', 'end']);
    expect(client.messages).toEqual(['summary']);
  });

  it('carry the error of a server that destroys one, and of a handler that throws', async () => {
    const serverCloses: (NetError | undefined)[] = [];
    const { address } = await serve({
      unary: new Map(),
      stream: new Map<string, StreamHandler>([
        [
          '/test.Echo/Destroy',
          (stream) => ({
            onMessage: () => stream.destroy({ code: 'DATA_LOSS', message: 'bad frame' }),
            onClose: (error) => void serverCloses.push(error),
          }),
        ],
        [
          '/test.Echo/Throw',
          () => {
            throw new KvError('FAILED_PRECONDITION', 'not now');
          },
        ],
      ]),
    });
    const client = recorder();
    net.open(address, '/test.Echo/Destroy', client.events).send(bytes('x'));
    expect(await client.closed.promise).toMatchObject({
      code: 'DATA_LOSS',
      message: expect.stringContaining('bad frame'),
    });
    await until(() => serverCloses.length > 0);
    expect(serverCloses).toMatchObject([{ code: 'DATA_LOSS' }]);
    const second = recorder();
    net.open(address, '/test.Echo/Throw', second.events);
    expect(await second.closed.promise).toMatchObject({ code: 'FAILED_PRECONDITION' });
    const third = recorder();
    net.open(address, '/test.Echo/None', third.events);
    expect(await third.closed.promise).toMatchObject({ code: 'UNIMPLEMENTED' });
  });

  it('tell both sides when the client destroys one', async () => {
    const server = recorder();
    const { address } = await serve({
      unary: new Map(),
      stream: new Map([[CHAT, () => server.events]]),
    });
    const client = recorder();
    const stream = net.open(address, CHAT, client.events);
    stream.send(bytes('x'));
    await until(() => server.messages.length === 1);
    stream.destroy({ code: 'UNAVAILABLE', message: 'too slow' });
    expect(client.closes).toBe(0);
    expect(await client.closed.promise).toMatchObject({ code: 'UNAVAILABLE', message: 'too slow' });
    expect(await server.closed.promise).toMatchObject({ code: 'CANCELLED' });
    expect([client.closes, server.closes]).toEqual([1, 1]);
  });

  it('fail alone on a message above the limit', async () => {
    const { address } = await serve();
    const client = recorder();
    const other = recorder();
    const stream = net.open(address, CHAT, client.events);
    const otherStream = net.open(address, CHAT, other.events);
    stream.send(new Uint8Array(limits.grpcMessageBytesMax + 1));
    expect(await client.closed.promise).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    otherStream.send(bytes('still here'));
    await until(() => other.messages.length === 1);
    otherStream.destroy();
  });

  it('report a full buffer and its drain', async () => {
    const { address } = await serve();
    const client = recorder();
    const stream = net.open(address, CHAT, client.events);
    const chunk = new Uint8Array(limits.streamBufferBytesMax / 4);
    expect(stream.send(chunk)).toBe(true);
    let full = false;
    for (let i = 0; i < 8; i++) full = !stream.send(chunk) || full;
    expect(full).toBe(true);
    expect(stream.bufferedBytes).toBeGreaterThan(limits.streamBufferBytesMax);
    await until(() => client.drains === 1 && client.messages.length === 9);
    await until(() => stream.bufferedBytes === 0);
    expect(stream.send(bytes('more'))).toBe(true);
    stream.destroy();
  });
});

describe('servers', () => {
  it('stand side by side, on IPv4 and by name', async () => {
    const one = await serve(echoServices('one '));
    const two = await serverNet.serve('localhost:0', echoServices('two '));
    expect(text(await net.call(one.address, ECHO, bytes('x'), { timeoutMs }))).toBe('one x');
    expect(text(await net.call(two.address, ECHO, bytes('x'), { timeoutMs }))).toBe('two x');
  });

  it('bind exactly the address that is given', async () => {
    const { address } = await serverNet.serve('[::1]:0', echoServices());
    expect(address).toMatch(/^\[::1\]:\d+$/);
    expect(text(await net.call(address, ECHO, bytes('six'), { timeoutMs }))).toBe('six');
    const elsewhere = `127.0.0.1:${address.split(':').at(-1)}`;
    await expect(net.call(elsewhere, ECHO, bytes('x'), { timeoutMs })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
  });

  it('hold an address that nobody serves yet: it is taken, and calls find nobody there', async () => {
    const held = await serverNet.hold('127.0.0.1:0');
    await expect(net.hold(held.address)).rejects.toThrow(`cannot listen on ${held.address}`);
    const call = (): Promise<Uint8Array> =>
      net.call(held.address, ECHO, bytes('hello'), { timeoutMs });
    await expect(call()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(held.serve(echoServices()).address).toBe(held.address);
    await until(() =>
      call().then(
        (answer) => text(answer) === 'hello',
        () => false,
      ),
    );
  });

  it('let go of what is held when the network closes', async () => {
    const { address } = await serverNet.hold('127.0.0.1:0');
    await serverNet.close();
    expect((await net.hold(address)).address).toBe(address);
  });

  it('name an address that is in use', async () => {
    const { address } = await serve();
    await expect(serverNet.serve(address, echoServices())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining(address),
    });
  });

  it('fail calls and streams at once when they go, and are found again when they are back', async () => {
    const { address } = await serve();
    const client = recorder();
    const stream = net.open(address, CHAT, client.events);
    stream.send(bytes('x'));
    await until(() => client.messages.length === 1);
    const gone = performance.now();
    await serverNet.close();
    expect(await client.closed.promise).toMatchObject({ code: 'UNAVAILABLE' });
    await expect(net.call(address, ECHO, bytes('x'), { timeoutMs })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    const lost = recorder();
    net.open(address, CHAT, lost.events);
    expect(await lost.closed.promise).toMatchObject({ code: 'UNAVAILABLE' });
    expect(performance.now() - gone).toBeLessThan(1_000);

    serverNet = new GrpcNet(logger);
    await serverNet.serve(address, echoServices());
    const back = performance.now();
    await until(async () => {
      const answer = await net
        .call(address, ECHO, bytes('x'), { timeoutMs })
        .catch((error: KvError) => error.code);
      expect(['UNAVAILABLE', 'x']).toContain(typeof answer === 'string' ? answer : text(answer));
      return typeof answer !== 'string';
    });
    expect(performance.now() - back).toBeLessThan(2_000);
  });

  it('let running calls finish while they close, and refuse new ones', async () => {
    const release = new Deferred<Uint8Array>();
    const entered = new Deferred<void>();
    const server = await serve({
      unary: new Map([
        [
          ECHO,
          () => {
            entered.resolve();
            return release.promise;
          },
        ],
      ]),
      stream: new Map(),
    });
    const running = net.call(server.address, ECHO, bytes(''), { timeoutMs });
    await entered.promise;
    const closed = server.close(5_000);
    await until(() =>
      net.call(server.address, ECHO, bytes(''), { timeoutMs: 100 }).then(
        () => false,
        (error: KvError) => error.code === 'UNAVAILABLE',
      ),
    );
    release.resolve(bytes('done'));
    expect(text(await running)).toBe('done');
    await closed;
  });

  it('drop what is still running when their time is over, and connections that never spoke', async () => {
    const server = await serve({
      unary: new Map([[ECHO, () => new Deferred<Uint8Array>().promise]]),
      stream: new Map([[CHAT, () => recorder().events]]),
    });
    const port = Number(server.address.split(':')[1]);
    const silent: Socket = connect(port, '127.0.0.1');
    await new Promise((resolve) => silent.once('connect', resolve));
    const running = net.call(server.address, ECHO, bytes(''), { timeoutMs });
    const client = recorder();
    net.open(server.address, CHAT, client.events).send(bytes('x'));
    await until(() =>
      net.call(server.address, '/none', bytes(''), { timeoutMs }).then(
        () => false,
        (error: KvError) => error.code === 'UNIMPLEMENTED',
      ),
    );
    const [result] = await Promise.allSettled([running, server.close(50)]);
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } });
    expect(await client.closed.promise).toMatchObject({ code: 'UNAVAILABLE' });
    silent.destroy();
  });

  it('cannot be reached once the network is closed, which ends what was open', async () => {
    const { address } = await serve({
      unary: new Map([[ECHO, () => new Deferred<Uint8Array>().promise]]),
      stream: new Map([[CHAT, () => recorder().events]]),
    });
    const running = net.call(address, ECHO, bytes(''), { timeoutMs });
    const opened = recorder();
    net.open(address, CHAT, opened.events);
    const [result] = await Promise.allSettled([running, net.close()]);
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } });
    expect(await opened.closed.promise).toMatchObject({ code: 'UNAVAILABLE' });
    await expect(net.call(address, ECHO, bytes(''), { timeoutMs })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    const client = recorder();
    const stream = net.open(address, CHAT, client.events);
    expect(stream.send(bytes('x'))).toBe(true);
    expect(await client.closed.promise).toMatchObject({ code: 'UNAVAILABLE' });
    await expect(net.serve('127.0.0.1:0', echoServices())).rejects.toThrow(KvError);
  });
});
