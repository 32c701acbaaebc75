import { compareBytes, EMPTY_BYTES, type KvEngine, type KvEntry, limits } from '@tinykv/base';
import { fakeEnv, ManualClock } from '@tinykv/base/testing';
import { rawKey, type SchedulerApi } from '@tinykv/model';
import { expect, it } from 'vitest';
import { decodePayload } from './command.js';
import { defaultRaftStoreConfig } from './config.js';
import type { Peer } from './peer.js';
import { SplitChecker } from './split-check.js';

const VALUE_BYTES = 100;
const text = new TextEncoder();

/** A leader's Region of so many records of 120 bytes, and its checker. */
function setUp(records: number, limitsOfSize: { max: number; split: number }) {
  const entries: KvEntry[] = Array.from({ length: records }, (_, i) => [
    rawKey('txn', 'default', text.encode(`k${String(i).padStart(8, '0')}`)),
    new Uint8Array(VALUE_BYTES),
  ]);
  const seen = { scans: 0, pages: 0, proposed: [] as Uint8Array[] };
  const view = {
    iterator: ({ start, end }: { start: Uint8Array; end: Uint8Array }) => {
      let at = entries.findIndex(([key]) => compareBytes(key, start) >= 0);
      return {
        next: (limit: number) => {
          const page: KvEntry[] = [];
          for (; at >= 0 && at < entries.length && page.length < limit; at++) {
            if (compareBytes(entries[at]![0], end) >= 0) break;
            page.push(entries[at]!);
          }
          if (page.length > 0) seen.pages++;
          return Promise.resolve(page);
        },
        close: () => Promise.resolve(),
      };
    },
    close: () => undefined,
  };
  const engine = {
    snapshot: () => {
      seen.scans++;
      return view;
    },
  } as unknown as KvEngine;
  const scheduler = {
    askSplit: () => Promise.resolve({ regionId: 100, peerIds: [101, 102, 103] }),
  } as unknown as SchedulerApi;
  const clock = new ManualClock();
  const config = {
    ...defaultRaftStoreConfig,
    address: 'store-1:1',
    regionMaxBytes: limitsOfSize.max,
    regionSplitBytes: limitsOfSize.split,
  };
  const peers = [1, 2, 3].map((id) => ({ id, storeId: id, learner: false }));
  const peer = {
    isLeader: true,
    measured: false,
    writtenBytes: 0,
    approximateBytes: 0,
    approximateKeys: 0,
    get mostBytes(): number {
      return this.approximateBytes + this.writtenBytes;
    },
    region: {
      id: 7,
      range: { start: EMPTY_BYTES, end: EMPTY_BYTES },
      epoch: { confVer: 1, version: 1 },
      peers,
    },
    group: { destroyed: false, touch: () => undefined },
    propose: (data: Uint8Array) => seen.proposed.push(data),
  };
  const checker = new SplitChecker(fakeEnv({ clock }), engine, 'txn', config, scheduler);
  const check = async (): Promise<void> => {
    checker.check([peer as unknown as Peer]);
    await clock.run(200);
  };
  return { checker, check, clock, peer, seen };
}

it('measures a Region once, and again only when what was written since could have made it too large', async () => {
  const { check, peer, seen } = setUp(100, { max: 20_000, split: 15_000 });
  await check();
  expect(peer).toMatchObject({ measured: true, approximateKeys: 100 });
  const measured = peer.approximateBytes;
  expect(measured).toBe(12_000);
  peer.writtenBytes = 20_000 - measured;
  await check();
  expect(seen.scans, 'it is full at most').toBe(1);
  peer.writtenBytes++;
  await check();
  expect(seen.scans).toBe(2);
  expect(peer, 'all of it was overwritten').toMatchObject({
    writtenBytes: 0,
    approximateBytes: measured,
  });
  expect(seen.proposed).toEqual([]);
});

it('a Region that stays near its greatest size is not measured for every write', async () => {
  const { check, peer, seen } = setUp(100, { max: 12_000, split: 8_000 });
  await check();
  expect(peer.approximateBytes).toBe(12_000);
  peer.writtenBytes = 999;
  await check();
  expect(seen.scans).toBe(1);
  peer.writtenBytes = 1_000;
  await check();
  expect(seen.scans).toBe(2);
});

it('a Region that has outgrown its size is cut', async () => {
  const { check, seen } = setUp(100, { max: 10_000, split: 5_000 });
  await check();
  expect(seen.proposed.map((data) => decodePayload(data))).toMatchObject([{ type: 'split' }]);
});

it('a long scan pauses between its pages, and ends with its leadership or its store', async () => {
  const records = 10 * limits.rangeStepKeys;
  const whole = setUp(records, { max: 1e9, split: 1e8 });
  await whole.check();
  expect(whole.seen.pages).toBe(10);
  expect(whole.peer.approximateKeys).toBe(records);

  const deposed = setUp(records, { max: 1e9, split: 1e8 });
  deposed.checker.check([deposed.peer as unknown as Peer]);
  await deposed.clock.run(1);
  deposed.peer.isLeader = false;
  await deposed.clock.run(200);
  expect(deposed.seen.pages).toBe(2);
  expect(deposed.peer.measured).toBe(false);

  const stopped = setUp(records, { max: 1e9, split: 1e8 });
  stopped.checker.check([stopped.peer as unknown as Peer]);
  await stopped.clock.run(1);
  const stop = stopped.checker.stop();
  await stopped.clock.run(200);
  await stop;
  expect(stopped.seen.pages).toBe(2);
});
