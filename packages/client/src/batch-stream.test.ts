import { limits, type NetStream, type StreamEvents, utf8 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { kvrpcpb, tinykvpb, tinykvstream } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { BatchStream } from './batch-stream.js';
import type { RequestError } from './errors.js';

const { rawGet, rawPut } = tinykvpb.TinyKv;
type Item = tinykvstream.BatchRequestItem;

let env: ReturnType<typeof fakeEnv>;
let stream: BatchStream;
/** Requests of each message, greetings included as 0. */
let messages: number[][];
let items: Item[];
let server: NetStream;
let opened: number;
let greets: boolean;

const settle = (): Promise<void> => env.clock.settle();
const call = (key: string, timeoutMs = 1_000): Promise<kvrpcpb.RawGetResponse> =>
  stream.call(rawGet, { key: utf8(key) }, timeoutMs);
const failure = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await env.clock.runUntil(promise);
  } catch (error) {
    return `${(error as RequestError).code} ${(error as RequestError).outcome}`;
  }
  return 'no failure';
};
const answer = (...list: Item[]): void => {
  const response = (item: Item): Uint8Array =>
    kvrpcpb.RawGetResponse.encode({ value: rawGet.request.decode(item.request).key });
  server.send(
    tinykvstream.BatchResponse.encode({
      items: list.map((item) => ({ id: item.id, response: response(item) })),
    }),
  );
};

beforeEach(async () => {
  env = fakeEnv();
  [messages, items, opened, greets] = [[], [], 0, true];
  const serve = (s: NetStream): StreamEvents => {
    opened++;
    server = s;
    return {
      onMessage: (message) => {
        const batch = tinykvstream.BatchRequest.decode(message);
        messages.push(batch.items.map((item) => item.id));
        for (const item of batch.items) {
          if (item.id !== 0) items.push(item);
          else if (greets) answer(item);
        }
      },
      onClose: () => s.end(),
    };
  };
  const services = {
    unary: new Map(),
    stream: new Map([[tinykvstream.Batch.commands.path, serve]]),
  };
  await env.net.serve('store:1', services);
  stream = new BatchStream(env, 'store:1');
});

describe('BatchStream', () => {
  it('gathers the requests of a turn, and takes answers in any order', async () => {
    const [a, b, c] = [call('a'), call('b'), call('c')];
    await settle();
    expect(messages.map((ids) => ids.length)).toEqual([1, 3]);
    expect(new Set(messages.flat()).size, 'no id twice').toBe(4);
    answer(items[2]!);
    answer(items[0]!, items[1]!);
    const values = (await env.clock.runUntil(Promise.all([a, b, c]))).map(({ value }) => value);
    expect(values).toEqual([utf8('a'), utf8('b'), utf8('c')]);
    void call('d').catch(() => {});
    await settle();
    expect(opened).toBe(1);
  });

  it('sends no request before the stream has proved that it works', async () => {
    greets = false;
    const waiting = call('a', 300);
    await settle();
    expect(messages).toEqual([[0]]);
    expect(await failure(waiting)).toBe('DEADLINE_EXCEEDED not-sent');
    // The silent stream is given up.
    greets = true;
    const next = call('b');
    await settle();
    answer(...items);
    expect((await env.clock.runUntil(next)).value).toEqual(utf8('b'));
    expect(opened).toBe(2);
  });

  it('knows what was not sent from what may have been carried out', async () => {
    const sent = call('a');
    await settle();
    server.destroy({ code: 'UNAVAILABLE', message: 'test' });
    expect(await failure(sent)).toBe('UNAVAILABLE unknown');
    env.net.cut('store:1');
    expect(await failure(call('b'))).toBe('UNAVAILABLE not-sent');
    env.net.heal('store:1');
    const again = call('c');
    await settle();
    answer(...items.slice(1));
    await env.clock.runUntil(again);
  });

  it('fails a request at its deadline, and takes no notice of its late answer', async () => {
    const late = call('a', 200);
    const other = call('b', 10_000);
    await settle();
    await env.clock.run(100);
    answer(items[1]!);
    await env.clock.runUntil(other);
    expect(await failure(late)).toBe('DEADLINE_EXCEEDED unknown');
    answer(items[0]!);
    await settle();
    expect(opened).toBe(1);
  });

  it('gives up a stream on which a request timed out and nothing came since', async () => {
    expect(await failure(call('a', 200))).toBe('DEADLINE_EXCEEDED unknown');
    void call('b').catch(() => {});
    await settle();
    expect(opened).toBe(2);
  });

  it('tells refusals of the store from failures that say nothing', async () => {
    const statuses: [number, string][] = [
      [2, 'UNKNOWN unknown'],
      [3, 'INVALID_ARGUMENT refused'],
      [4, 'DEADLINE_EXCEEDED unknown'],
      [8, 'RESOURCE_EXHAUSTED refused'],
      [12, 'UNIMPLEMENTED refused'],
      [13, 'INTERNAL unknown'],
      [14, 'UNAVAILABLE unknown'],
      [99, 'UNKNOWN unknown'],
    ];
    for (const [status, expected] of statuses) {
      const pending = call('a');
      await settle();
      const { id } = items.at(-1)!;
      server.send(tinykvstream.BatchResponse.encode({ items: [{ id, status }] }));
      expect(await failure(pending)).toBe(expected);
    }
  });

  it('takes an answer that it cannot read for an unknown outcome', async () => {
    const pending = call('a');
    await settle();
    const response = Uint8Array.of(0xff);
    server.send(tinykvstream.BatchResponse.encode({ items: [{ id: items[0]!.id, response }] }));
    expect(await failure(pending)).toBe('DATA_LOSS unknown');
    const next = call('b');
    await settle();
    server.send(Uint8Array.of(0xff));
    expect(await failure(next)).toBe('DATA_LOSS unknown');
  });

  it('cuts messages by count and by bytes', async () => {
    const count = limits.batchStreamItemsMax + 10;
    for (let i = 0; i < count; i++) void call(`${i}`).catch(() => {});
    await settle();
    expect(messages.map((ids) => ids.length)).toEqual([1, limits.batchStreamItemsMax, 10]);
    messages.length = 0;
    const value = new Uint8Array(limits.batchStreamMessageBytesMax / 2);
    for (let i = 0; i < 3; i++) {
      void stream.call(rawPut, { key: utf8('k'), value }, 1_000).catch(() => {});
    }
    await settle();
    expect(messages.map((ids) => ids.length)).toEqual([1, 1, 1]);
  });

  it('keeps to the limit of requests in flight, and goes on when answers come', async () => {
    const extra = 10;
    const all = Array.from({ length: limits.batchStreamInflightMax + extra }, () => call('k'));
    await settle();
    expect(items).toHaveLength(limits.batchStreamInflightMax);
    answer(...items.slice(0, extra));
    await settle();
    expect(items).toHaveLength(limits.batchStreamInflightMax + extra);
    answer(...items.slice(extra));
    await env.clock.runUntil(Promise.all(all));
  });

  it('refuses what is too large for any message', async () => {
    const value = new Uint8Array(limits.grpcMessageBytesMax);
    const pending = stream.call(rawPut, { key: utf8('k'), value }, 1_000);
    expect(await failure(pending)).toBe('INVALID_ARGUMENT refused');
  });

  it('fails everything when it is closed', async () => {
    const sent = call('a');
    await settle();
    const waiting = call('b');
    stream.close();
    expect(await failure(sent)).toBe('CANCELLED unknown');
    expect(await failure(waiting)).toBe('CANCELLED not-sent');
    expect(await failure(call('c'))).toBe('CANCELLED refused');
  });
});
