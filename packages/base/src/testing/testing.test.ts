import { describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../bytes.js';
import { KvError } from '../errors.js';
import { fakeEnv, ManualClock } from './index.js';

describe('ManualClock', () => {
  it('runs timers in order of due time, then of creation, with deferred work between', () => {
    const clock = new ManualClock({ mono: 0 });
    const seen: string[] = [];
    clock.after(20, () => seen.push(`b@${clock.mono()}`));
    clock.after(10, () => {
      seen.push(`a@${clock.mono()}`);
      clock.defer(() => seen.push('deferred'));
    });
    clock.after(20, () => seen.push('c'));
    clock.after(15, () => seen.push('never')).cancel();
    clock.advance(30);
    expect(seen).toEqual(['a@10', 'deferred', 'b@20', 'c']);
    expect(clock.mono()).toBe(30);
  });

  it('lets the wall clock jump without touching monotonic time', () => {
    const clock = new ManualClock({ mono: 5, wall: 1_000 });
    clock.jumpWall(-600);
    expect([clock.mono(), clock.wall()]).toEqual([5, 400]);
  });

  it('settles promise chains between timers', async () => {
    const clock = new ManualClock({ mono: 0 });
    const sleep = (ms: number): Promise<void> => new Promise((done) => clock.after(ms, done));
    const work = (async () => {
      await sleep(10);
      await sleep(10);
      return clock.mono();
    })();
    expect(await clock.runUntil(work)).toBe(20);
  });
});

describe('MemoryNetwork', () => {
  const table = {
    unary: new Map([['/t/Echo', async (bytes: Uint8Array) => bytes]]),
    stream: new Map([
      [
        '/t/Shout',
        (stream: { send(b: Uint8Array): boolean; end(): void }) => ({
          onMessage: (m: Uint8Array) => void stream.send(utf8(fromUtf8(m).toUpperCase())),
          onClose: () => stream.end(),
        }),
      ],
    ]),
  };

  it('carries calls and streams, and refuses both where an address is cut', async () => {
    const { net, clock } = fakeEnv();
    const server = await net.serve('node:0', table);
    const call = net.call(server.address, '/t/Echo', utf8('hi'), { timeoutMs: 100 });
    expect(fromUtf8(await clock.runUntil(call))).toBe('hi');

    const seen: string[] = [];
    const stream = net.open(server.address, '/t/Shout', {
      onMessage: (m) => seen.push(fromUtf8(m)),
      onClose: (error) => seen.push(error?.code ?? 'clean'),
    });
    stream.send(utf8('a'));
    stream.send(utf8('b'));
    stream.end();
    await clock.settle();
    expect(seen).toEqual(['A', 'B', 'clean']);

    net.cut(server.address);
    const refused = net.call(server.address, '/t/Echo', utf8('hi'), { timeoutMs: 100 });
    await expect(clock.runUntil(refused)).rejects.toBeInstanceOf(KvError);
  });

  it('drops streams when their address is cut', async () => {
    const { net, clock } = fakeEnv();
    await net.serve('node:1', table);
    const seen: string[] = [];
    net.open('node:1', '/t/Shout', {
      onMessage: () => {},
      onClose: (error) => seen.push(error?.code ?? 'clean'),
    });
    await clock.settle();
    net.cut('node:1');
    await clock.settle();
    expect(seen).toEqual(['UNAVAILABLE']);
  });
});
