import {
  limits,
  type NetError,
  type NetStream,
  type PeerInfo,
  type StreamEvents,
  type UnaryHandler,
} from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import { kvrpcpb, tinykvpb, tinykvstream, tinykvtxn } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { batchService, busyAnswer, RequestLoad, underLoad } from '../src/store/index.js';

const { BatchMethod, BatchRequest, BatchResponse } = tinykvstream;
const { kvScan, rawGet, rawPut } = tinykvpb.TinyKv;

/** A client that reads what it is sent while `reads` is set. */
class FakeStream implements NetStream {
  readonly items: tinykvstream.BatchResponseItem[] = [];
  bufferedBytes = 0;
  reads = true;
  destroyed: NetError | undefined;
  send(message: Uint8Array): boolean {
    this.items.push(...BatchResponse.decode(message).items);
    if (!this.reads) this.bufferedBytes += message.length;
    return this.reads;
  }
  end(): void {}
  destroy(error?: NetError): void {
    this.destroyed = error;
  }
}

interface Running {
  readonly peer: PeerInfo;
  answer(response: Uint8Array): void;
}

const PEER = { address: 'client' };
const NONE = new Uint8Array(0);

describe('the load of a store', () => {
  let env: FakeEnv;
  let load: RequestLoad;
  let scans: Running[];
  let puts: Running[];
  let handlers: Map<string, UnaryHandler>;
  let open: (stream: NetStream) => StreamEvents;
  let stream: FakeStream;
  let session: StreamEvents;

  const into =
    (list: Running[]): UnaryHandler =>
    (_request, peer) =>
      new Promise((answer) => list.push({ peer, answer }));

  const send = (to: StreamEvents, count: number, method: number, request = NONE): void => {
    for (let id = 0; id < count; id += limits.batchStreamItemsMax) {
      const length = Math.min(count - id, limits.batchStreamItemsMax);
      const items = Array.from({ length }, (_, i) => ({ id: id + i, method, request }));
      to.onMessage(BatchRequest.encode({ items }));
    }
  };

  const isBusy = ({ response }: { readonly response: Uint8Array }): boolean =>
    kvrpcpb.RawGetResponse.decode(response).regionError?.serverIsBusy !== undefined;

  beforeEach(() => {
    env = fakeEnv();
    load = new RequestLoad();
    scans = [];
    puts = [];
    handlers = new Map([
      [kvScan.path, into(scans)],
      [rawPut.path, into(puts)],
      [rawGet.path, (request: Uint8Array) => request],
    ]);
    const handler = batchService(env, handlers, load).stream.get('/tinykvstream.Batch/Commands')!;
    open = (to) => handler(to, PEER);
    stream = new FakeStream();
    session = open(stream);
  });

  it('runs few scans of one stream at once, and the short requests beside them', async () => {
    send(session, 3_000, BatchMethod.KvScan);
    send(session, 10, BatchMethod.RawPut);
    await env.clock.settle();
    expect(scans).toHaveLength(limits.batchStreamLongMax);
    expect(puts).toHaveLength(10);
    for (let i = 0; i < scans.length; i++) {
      scans[i]!.answer(NONE);
      await env.clock.settle();
    }
    expect(scans).toHaveLength(3_000);
    expect(load.long).toBe(0);
  });

  it('begins no scan of a stream that is gone, tells those that run, and gives all back', async () => {
    send(session, 3_000, BatchMethod.KvScan, new Uint8Array(100));
    await env.clock.settle();
    expect(scans.some(({ peer }) => peer.isGone)).toBe(false);
    session.onClose({ code: 'CANCELLED', message: 'gone' });
    expect(scans.every(({ peer }) => peer.isGone)).toBe(true);
    expect(load.requests.used).toBeLessThan(150 * limits.batchStreamItemsMax);
    for (const { answer } of scans) answer(new Uint8Array(1_000));
    await env.clock.settle();
    expect(scans).toHaveLength(limits.batchStreamLongMax);
    expect([load.long, load.requests.used, load.replies.used]).toEqual([0, 0, 0]);
  });

  it('answers that it is busy to scans past what a store runs, of whatever stream', async () => {
    const streams = Array.from({ length: 5 }, () => new FakeStream());
    for (const each of streams) send(open(each), limits.batchStreamLongMax, BatchMethod.KvScan);
    await env.clock.settle();
    expect(scans).toHaveLength(limits.storeLongMax);
    expect(streams.map(({ items }) => items.filter(isBusy).length)).toEqual([0, 0, 0, 0, 32]);
    const alone = underLoad(handlers, load).get(kvScan.path)!;
    expect(isBusy({ response: await alone(NONE, PEER) })).toBe(true);
    scans[0]!.answer(NONE);
    await env.clock.settle();
    const later = alone(NONE, PEER);
    expect(scans).toHaveLength(limits.storeLongMax + 1);
    scans.at(-1)!.answer(NONE);
    expect(await later).toBe(NONE);
  });

  it('begins nothing while its answers wait for the client, and drops one that never reads', async () => {
    stream.reads = false;
    send(session, 1_000, BatchMethod.RawGet, new Uint8Array(1_048_576 / 128));
    for (let i = 0; i < 10; i++) send(session, 1_000, BatchMethod.RawGet, new Uint8Array(8_192));
    await env.clock.settle();
    const held = load.replies.used + stream.bufferedBytes;
    expect(held).toBeLessThan(limits.batchStreamReplyBytesMax + limits.batchStreamMessageBytesMax);
    const { used } = load.requests;
    expect(used).toBeGreaterThan(0);
    await env.clock.run(29_000);
    expect(stream.destroyed).toBeUndefined();
    await env.clock.run(2_000);
    expect(stream.destroyed?.code).toBe('RESOURCE_EXHAUSTED');
    expect([load.requests.used, load.replies.used]).toEqual([0, 0]);
  });

  it('goes on with a client that reads again', async () => {
    stream.reads = false;
    for (let i = 0; i < 5; i++) send(session, 1_000, BatchMethod.RawGet, new Uint8Array(8_192));
    await env.clock.settle();
    expect(stream.items.length).toBeLessThan(5_000);
    stream.reads = true;
    stream.bufferedBytes = 0;
    session.onDrain!();
    await env.clock.settle();
    expect(stream.items).toHaveLength(5_000);
    expect([load.requests.used, load.replies.used]).toEqual([0, 0]);
    await env.clock.run(60_000);
    expect(stream.destroyed).toBeUndefined();
  });

  it('holds so many bytes of requests for one stream, and so many for all', async () => {
    const large = new Uint8Array(7 * 1_048_576);
    for (let i = 0; i < 12; i++) send(session, 1, BatchMethod.RawPut, large);
    await env.clock.settle();
    expect(puts).toHaveLength(9);
    expect(stream.items.filter(isBusy)).toHaveLength(3);
    const others = Array.from({ length: 4 }, () => open(new FakeStream()));
    for (const other of others) {
      for (let i = 0; i < 9; i++) send(other, 1, BatchMethod.RawPut, large);
    }
    await env.clock.settle();
    expect(load.requests.used).toBeLessThanOrEqual(limits.storeRequestBytesMax);
    expect(puts).toHaveLength(36);
    const alone = underLoad(handlers, load).get(rawPut.path)!;
    expect(isBusy({ response: await alone(large, PEER) })).toBe(true);
    for (const { answer } of puts) answer(NONE);
    await env.clock.settle();
    expect(load.requests.used).toBe(0);
  });

  it('has an answer for each method that its clients understand as busy', () => {
    const methods = [...Object.values(tinykvpb.TinyKv), ...Object.values(tinykvtxn.Txn)];
    const withError = methods.filter(({ clientStream, path }) => {
      return !clientStream && !/Coprocessor|DestroyRange|Snapshot|Raft$/.test(path);
    });
    expect(withError.length).toBeGreaterThan(20);
    for (const { path, response } of withError) {
      const answer = response.decode(busyAnswer(path)) as kvrpcpb.RawGetResponse;
      expect(answer.regionError?.serverIsBusy, path).toBeDefined();
    }
    const { unsafeDestroyRange } = tinykvtxn.Txn;
    expect(() => busyAnswer(unsafeDestroyRange.path)).toThrow(/busy/);
  });
});
