import { EMPTY_BYTES, type KvError, limits, type NetStream, type StreamEvents } from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import type { SchedulerApi, StoreMeta } from '@tinykv/model';
import { tinykvpeer } from '@tinykv/proto';
import { makeMessage } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import { RecordEngine } from '../tests/record-engine.js';
import { AddressBook, type StoreAddress } from './address-book.js';
import { type Envelope, readEnvelopes } from './envelope.js';
import { RaftTransport } from './transport.js';

const CLUSTER = 7;
const down = { code: 'UNAVAILABLE', message: 'nobody listens' } as const;

/** A stream that keeps what is sent and says it holds `bufferedBytes`. */
class FakeStream implements NetStream {
  readonly sent: Uint8Array[] = [];
  isOver = false;
  bufferedBytes = 0;

  send(message: Uint8Array): boolean {
    this.sent.push(message);
    return true;
  }
  end(): void {
    this.isOver = true;
  }
  destroy(): void {
    this.isOver = true;
  }

  /** Messages of all frames. */
  envelopes(): Envelope[] {
    return this.sent.flatMap((frame) => readEnvelopes(tinykvpeer.RaftFrame.decode(frame).messages));
  }
}

interface Dialled {
  readonly address: string;
  readonly stream: FakeStream;
  readonly events: StreamEvents;
}

/** Store 1 with its links, in a world of fake streams. */
class Store {
  readonly env: FakeEnv = fakeEnv();
  readonly dialled: Dialled[] = [];
  readonly lost: number[] = [];
  readonly received: Envelope[] = [];
  readonly fenced: StoreAddress[] = [];
  readonly engine = new RecordEngine().engine;
  readonly book: AddressBook;
  readonly transport: RaftTransport;
  /** What the scheduler answers; an error: it is away. */
  stores: readonly StoreMeta[] | KvError = [];
  asked = 0;

  constructor() {
    const { env } = this;
    const scheduler = {
      getStore: async (id: number) => {
        this.asked++;
        if (!Array.isArray(this.stores)) throw this.stores;
        const found = this.stores.find((store: StoreMeta) => store.id === id);
        if (found === undefined) throw new Error(`no store ${id}`);
        return found;
      },
    } as unknown as SchedulerApi;
    this.book = AddressBook.load(env, this.engine, scheduler);
    const net = {
      call: () => Promise.reject(new Error('not called')),
      serve: () => Promise.reject(new Error('not called')),
      open: (address: string, _method: string, events: StreamEvents): NetStream => {
        const stream = new FakeStream();
        this.dialled.push({ address, stream, events });
        return stream;
      },
    };
    this.transport = new RaftTransport(
      { ...env, net },
      {
        clusterId: CLUSTER,
        self: { storeId: 1, address: 'store-1:1', startToken: 100, formerStartToken: 90 },
        book: this.book,
        receive: (envelopes) => this.received.push(...envelopes),
        unreachable: (storeId) => this.lost.push(storeId),
        fenced: (newer) => this.fenced.push(newer),
      },
    );
  }

  knows(storeId: number, startToken = 50): void {
    this.book.learn({ storeId, address: `store-${storeId}:1`, startToken });
  }

  /** A frame of another store arrives on a stream of its own; the answer, if it is refused. */
  receives(frame: tinykvpeer.RaftFrameInit): tinykvpeer.RaftFrameAck | undefined {
    const stream = new FakeStream();
    const whole = { clusterId: CLUSTER, toStore: 1, messages: EMPTY_BYTES, ...frame };
    this.transport.accept(stream).onMessage(tinykvpeer.RaftFrame.encode(whole));
    return stream.sent[0] && tinykvpeer.RaftFrameAck.decode(stream.sent[0]);
  }
}

function envelope(term = 6): Envelope {
  return {
    regionId: 3,
    from: { id: 4, storeId: 1, learner: false },
    to: { id: 5, storeId: 2, learner: false },
    epoch: { confVer: 1, version: 1 },
    range: undefined,
    tombstone: false,
    message: makeMessage({ type: 'MsgHeartbeat', from: 4, to: 5, term }),
  };
}

describe('the streams to other stores', () => {
  it('stand ready before there is anything to say, and say who dials', () => {
    const store = new Store();
    store.knows(2);
    store.knows(3);
    store.transport.keep([1, 2, 3]);
    expect(store.dialled.map(({ address }) => address)).toEqual(['store-2:1', 'store-3:1']);
    const hello = tinykvpeer.RaftFrame.decode(store.dialled[0]!.stream.sent[0]!);
    expect(hello).toMatchObject({ fromStore: 1, fromAddress: 'store-1:1', startToken: 100 });
    store.transport.keep([1, 2, 3]);
    expect(store.dialled).toHaveLength(2);
    expect(store.asked).toBe(0);
  });

  it('are opened again after a pause, at the known address, while the scheduler is away', async () => {
    const store = new Store();
    store.stores = Object.assign(new Error('away'), { code: 'UNAVAILABLE' }) as KvError;
    store.knows(2);
    store.transport.keep([2]);
    store.dialled[0]!.events.onClose(down);
    store.transport.keep([2]);
    expect([store.dialled.length, store.lost]).toEqual([1, [2]]);
    await store.env.clock.run(300);
    store.transport.keep([2]);
    expect(store.dialled[1]!.address).toBe('store-2:1');
  });

  it('move with a store that says where it is now', () => {
    const store = new Store();
    store.knows(2);
    store.transport.keep([2]);
    expect(
      store.receives({ fromStore: 2, startToken: 60, formerStartToken: 50, fromAddress: 'new:1' }),
    ).toBeUndefined();
    expect(store.dialled[0]!.stream.isOver).toBe(true);
    expect(store.dialled[1]!.address).toBe('new:1');
  });

  it('take no more messages while too many bytes wait on one, and say that they are lost', () => {
    const store = new Store();
    store.knows(2);
    store.transport.send(2, [envelope()]);
    const { stream } = store.dialled[0]!;
    expect([stream.envelopes().length, store.lost.length]).toEqual([1, 0]);
    stream.bufferedBytes = limits.raftStreamBufferBytesMax + 1;
    store.transport.send(2, [envelope()]);
    expect([stream.envelopes().length, store.lost.length]).toEqual([1, 1]);
    stream.bufferedBytes = 0;
    store.transport.send(2, [envelope()]);
    expect([stream.envelopes().length, store.lost.length]).toEqual([2, 1]);
  });
});

describe('messages to a store that cannot be reached', () => {
  it('wait, the newest of them, until its address is known, however often the scheduler fails', async () => {
    const store = new Store();
    store.stores = Object.assign(new Error('away'), { code: 'UNAVAILABLE' }) as KvError;
    const count = limits.raftWaitingMessagesMax + 10;
    for (let i = 0; i < count; i++) {
      store.transport.send(2, [envelope(i)]);
      if (i % 50 === 0) await store.env.clock.run(5_000);
    }
    expect(store.asked).toBeGreaterThan(1);
    expect(store.lost).toHaveLength(10);
    store.receives({ fromStore: 2, startToken: 60, fromAddress: 'store-2:1' });
    const terms = store.dialled[0]!.stream.envelopes().map(({ message }) => message!.term);
    expect(terms).toHaveLength(limits.raftWaitingMessagesMax);
    expect([terms[0], terms.at(-1)]).toEqual([10, count - 1]);
  });

  it('get the answer of the scheduler at once', async () => {
    const store = new Store();
    store.stores = [{ id: 2, address: 'store-2:1', state: 'up' }];
    store.transport.send(2, [envelope()]);
    await store.env.clock.settle();
    expect(store.dialled[0]!.stream.envelopes()).toHaveLength(1);
    expect(store.lost).toEqual([]);
  });

  it('with entries are lost, and that is said', async () => {
    const store = new Store();
    const entry = { term: 6, index: 9, type: 'EntryNormal', data: new Uint8Array(9) } as const;
    const append = makeMessage({ type: 'MsgApp', from: 4, to: 5, term: 6, entries: [entry] });
    store.stores = [{ id: 2, address: 'store-2:1', state: 'up' }];
    store.transport.send(2, [{ ...envelope(), message: append }]);
    expect(store.lost).toEqual([2]);
    await store.env.clock.settle();
    expect(store.dialled[0]!.stream.envelopes()).toHaveLength(0);
  });
});

describe('two starts of one store', () => {
  const older = { fromStore: 2, startToken: 60, fromAddress: 'old:1' };
  const newer = { fromStore: 2, startToken: 61, formerStartToken: 60, fromAddress: 'new:1' };

  it('the older is refused once the newer has spoken, is told so, and both starts are logged', () => {
    const store = new Store();
    expect(store.receives(older)).toBeUndefined();
    expect(store.receives(newer)).toBeUndefined();
    const refused = store.receives(older);
    expect(refused).toMatchObject({ newerStartToken: 61, newerAddress: 'new:1' });
    expect(store.env.logger.lines.at(-1)).toMatchObject({
      message: 'raft frame of an older start',
      fields: { store_id: 2, start: 60, newer_start: 61, newer_address: 'new:1' },
    });
  });

  it('the older stays refused after a restart of the store that knows', async () => {
    const store = new Store();
    store.receives(newer);
    await store.book.close();
    const book = AddressBook.load(store.env, store.engine, {} as SchedulerApi);
    expect(book.learn({ storeId: 2, startToken: 60, address: 'old:1' })).toBe(false);
    expect(book.get(2)).toEqual({ storeId: 2, startToken: 61, address: 'new:1' });
  });

  it('a copy that has not seen the known start is refused, whichever token is greater', () => {
    const store = new Store();
    store.receives(newer);
    const copy = { ...older, startToken: 62, formerStartToken: 60 };
    expect(store.receives(copy)?.newerStartToken).toBe(61);
    expect(store.receives({ ...newer, startToken: 63, formerStartToken: 61 })).toBeUndefined();
  });

  it('what an older start says is not received', () => {
    const store = new Store();
    const frame = { ...older, messages: EMPTY_BYTES };
    store.receives(newer);
    store.receives(frame);
    expect(store.received).toEqual([]);
  });

  it('a store that is told of its own later start ends; an answer about an earlier one means nothing', () => {
    const store = new Store();
    store.knows(2);
    store.transport.keep([2]);
    const { events } = store.dialled[0]!;
    const tell = (newerStartToken: number): void => {
      const ack = { error: 'started again', newerStartToken, newerAddress: 'other:1' };
      events.onMessage(tinykvpeer.RaftFrameAck.encode(ack));
    };
    for (const known of [0, 90, 100]) tell(known);
    expect(store.fenced).toEqual([]);
    tell(91);
    expect(store.fenced).toEqual([{ storeId: 1, startToken: 91, address: 'other:1' }]);
  });
});
