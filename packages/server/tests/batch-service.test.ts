import { KvError, limits, type NetError, type NetStream, type StreamEvents } from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import { tinykvpb, tinykvstream } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { batchService, RequestLoad } from '../src/store/index.js';

const { BatchMethod, BatchRequest, BatchResponse } = tinykvstream;
const { rawGet, rawPut, rawDelete } = tinykvpb.TinyKv;

class FakeStream implements NetStream {
  readonly messages: tinykvstream.BatchResponseItem[][] = [];
  bufferedBytes = 0;
  takes = true;
  destroyed: NetError | undefined;
  ended = false;
  send(message: Uint8Array): boolean {
    this.messages.push(BatchResponse.decode(message).items);
    return this.takes;
  }
  end(): void {
    this.ended = true;
  }
  destroy(error?: NetError): void {
    this.destroyed = error;
  }
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('Batch service', () => {
  let stream: FakeStream;
  let session: StreamEvents;
  let env: FakeEnv;
  let load: RequestLoad;
  let waiting: { request: Uint8Array; answer: (response: Uint8Array) => void }[];

  const send = (...items: [id: number, method: number, request?: Uint8Array][]): void => {
    const wire = items.map(([id, method, request]) => ({ id, method, request }));
    session.onMessage(BatchRequest.encode({ items: wire }));
  };

  beforeEach(() => {
    stream = new FakeStream();
    env = fakeEnv();
    load = new RequestLoad();
    waiting = [];
    const unary = new Map([
      [rawGet.path, (request: Uint8Array) => Promise.resolve(request)],
      [
        rawPut.path,
        (request: Uint8Array) =>
          new Promise<Uint8Array>((answer) => waiting.push({ request, answer })),
      ],
      [
        rawDelete.path,
        (request: Uint8Array) =>
          Promise.reject(
            request.length > 0 ? new Error('broken') : new KvError('DATA_LOSS', 'damaged'),
          ),
      ],
    ]);
    const service = batchService(env, unary, load);
    const handler = service.stream.get('/tinykvstream.Batch/Commands')!;
    session = handler(stream, { address: 'client' });
  });

  it('answers the requests of a turn in one message, as they end', async () => {
    send(
      [1, BatchMethod.RawPut, bytes(1)],
      [2, BatchMethod.RawGet, bytes(2)],
      [3, BatchMethod.RawGet, bytes(3)],
    );
    await env.clock.settle();
    expect(stream.messages).toEqual([
      [
        { id: 2, response: bytes(2), status: 0, message: '' },
        { id: 3, response: bytes(3), status: 0, message: '' },
      ],
    ]);
    waiting[0]!.answer(bytes(9));
    await env.clock.settle();
    expect(stream.messages[1]).toEqual([{ id: 1, response: bytes(9), status: 0, message: '' }]);
  });

  it('answers failures with their status, and logs what should not have happened', async () => {
    send(
      [1, BatchMethod.RawDelete],
      [2, BatchMethod.RawDelete, bytes(1)],
      [3, 99],
      [4, BatchMethod.KvGet],
    );
    await env.clock.settle();
    const byId = stream.messages.flat().sort((a, b) => a.id - b.id);
    expect(byId.map((item) => item.status)).toEqual([15, 13, 12, 12]);
    expect(byId.map((item) => item.message)).toEqual([
      'damaged',
      'broken',
      'method 99 is not served',
      'method 1 is not served',
    ]);
    expect(env.logger.lines).toMatchObject([{ level: 'error', message: 'request failed' }]);
  });

  it('refuses what is above the limit of requests in flight', async () => {
    const max = limits.batchStreamInflightMax;
    const per = limits.batchStreamItemsMax;
    for (let id = 0; id < max; id += per) {
      send(
        ...Array.from({ length: per }, (_, i): [number, number] => [id + i, BatchMethod.RawPut]),
      );
    }
    send([max, BatchMethod.RawPut]);
    await env.clock.settle();
    expect(stream.messages.flat()).toMatchObject([{ id: max, status: 8 }]);
    waiting[0]!.answer(bytes());
    await env.clock.settle();
    send([max + 1, BatchMethod.RawGet]);
    await env.clock.settle();
    expect(stream.messages.flat().at(-1)).toMatchObject({ id: max + 1, status: 0 });
  });

  it('holds answers back while the transport is full', async () => {
    stream.takes = false;
    send([1, BatchMethod.RawGet]);
    await env.clock.settle();
    send([2, BatchMethod.RawGet]);
    send([3, BatchMethod.RawGet]);
    await env.clock.settle();
    expect(stream.messages.flat().map((item) => item.id)).toEqual([1]);
    stream.takes = true;
    session.onDrain!();
    expect(stream.messages.flat().map((item) => item.id)).toEqual([1, 2, 3]);
  });

  it('drops a client that sends and never reads', async () => {
    stream.takes = false;
    const per = limits.batchStreamItemsMax;
    const items = Array.from({ length: per }, (_, i): [number, number] => [i, BatchMethod.RawGet]);
    send([0, BatchMethod.RawGet]);
    await env.clock.settle();
    for (let sent = 0; sent <= 2 * limits.batchStreamInflightMax; sent += per) send(...items);
    expect(stream.destroyed?.code).toBe('RESOURCE_EXHAUSTED');
  });

  it('cuts answers into messages of bounded size', async () => {
    send(
      ...Array.from({ length: 10 }, (_, id): [number, number, Uint8Array] => [
        id,
        BatchMethod.RawGet,
        new Uint8Array(300_000),
      ]),
    );
    await env.clock.settle();
    expect(stream.messages.map((items) => items.length)).toEqual([3, 3, 3, 1]);
  });

  it('destroys a stream that carries what is no message, or too much', () => {
    session.onMessage(bytes(0xff));
    expect(stream.destroyed?.code).toBe('INVALID_ARGUMENT');
    const items = Array.from({ length: limits.batchStreamItemsMax + 1 }, (_, id) => ({ id }));
    stream.destroyed = undefined;
    const other = batchService(env, new Map(), new RequestLoad()).stream.get(
      '/tinykvstream.Batch/Commands',
    )!;
    other(stream, { address: 'c' }).onMessage(BatchRequest.encode({ items }));
    expect(stream.destroyed).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('answers what is in flight after its client has ended, and then ends too', async () => {
    stream.takes = false;
    send([1, BatchMethod.RawPut], [2, BatchMethod.RawPut]);
    session.onClose();
    expect(stream.ended).toBe(false);
    for (const { answer } of waiting) {
      answer(bytes());
      await env.clock.settle();
    }
    expect(stream.messages.flat().map((item) => item.id)).toEqual([1, 2]);
    expect(stream.ended).toBe(true);
  });

  it('says nothing more on a stream that is gone', async () => {
    send([1, BatchMethod.RawPut]);
    session.onClose({ code: 'CANCELLED', message: 'gone' });
    waiting[0]!.answer(bytes());
    await env.clock.settle();
    expect(stream.messages).toEqual([]);
    expect(stream.ended).toBe(false);
  });
});
