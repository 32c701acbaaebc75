/** Two processes under one store id: a copy of a store's folder, or a process that was taken for dead. */
import { regionToWire, reportToWire, schedulerpb } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { Harness } from './support/harness.js';
import { region, report } from './support/world.js';

const { Scheduler, ErrorType } = schedulerpb;
const first = { id: 1, address: 'store:1', startToken: 10, formerStartToken: 9 };
const copy = { id: 1, address: 'copy:1', startToken: 11, formerStartToken: 10 };
const DISCONNECTED_MS = 4_000;
let harness: Harness;

beforeEach(async () => {
  harness = new Harness({ storeDisconnectedMs: DISCONNECTED_MS });
  await harness.start();
  await harness.call(Scheduler.bootstrap, {
    store: { id: 1, address: 'store:1' },
    region: regionToWire(region(4, 0, 0, [1])),
  });
  await put(first);
});

const put = (store: typeof first) => harness.headerError(Scheduler.putStore, { store });
const beat = (startToken: number) =>
  harness.headerError(Scheduler.storeHeartbeat, { stats: { storeId: 1, startToken } });

async function addressNow(): Promise<string | undefined> {
  return (await harness.call(Scheduler.getStore, { storeId: 1 })).store?.address;
}

describe('a second address for a store', () => {
  it('is refused while the store heartbeats from the first, and the log says why', async () => {
    await beat(10);
    expect(await put(copy)).toEqual([
      ErrorType.STORE_MAY_RUN_ELSEWHERE,
      'store 1 may still run at store:1 (start 10), heard of 0.0 s ago',
    ]);
    await harness.clock.run(1_000);
    await beat(10);
    expect(await put(copy)).toEqual([
      ErrorType.STORE_RUNS_ELSEWHERE,
      'store 1 runs at store:1 (start 10), heard of 0.0 s ago',
    ]);
    expect(await addressNow()).toBe('store:1');
    const line = harness.env.logger.lines.find(({ message }) => message === 'store refused');
    expect(line?.fields).toMatchObject({ store_id: 1, address: 'copy:1', start: 11 });
  });

  it('is taken once the first has been silent for long: the store has moved', async () => {
    await beat(10);
    await harness.clock.run(DISCONNECTED_MS - 100);
    expect((await put(copy))?.[0]).toBe(ErrorType.STORE_MAY_RUN_ELSEWHERE);
    await harness.clock.run(200);
    expect(await put(copy)).toBeUndefined();
    expect(await addressNow()).toBe('copy:1');
    expect(await beat(11)).toBeUndefined();
  });

  it('is taken from a store that does not say which start it is, as in TinyKV', async () => {
    await beat(10);
    expect(await put({ ...copy, startToken: 0 })).toBeUndefined();
    expect(await addressNow()).toBe('copy:1');
  });
});

describe('the older of two starts', () => {
  beforeEach(async () => {
    await put({ ...first, startToken: 20, formerStartToken: 10 });
  });

  it('is refused at the same address and at another', async () => {
    const fenced = [
      ErrorType.STORE_FENCED,
      'store 1 was started again at store:1 (start 20; this one is 10)',
    ];
    expect(await put(first)).toEqual(fenced);
    await harness.clock.run(2 * DISCONNECTED_MS);
    expect((await put({ ...first, address: 'other:1' }))?.[0]).toBe(ErrorType.STORE_FENCED);
    expect(await addressNow()).toBe('store:1');
  });

  it('learns so from its heartbeat, which does not count for the newer one', async () => {
    await harness.clock.run(2 * DISCONNECTED_MS);
    expect((await beat(10))?.[0]).toBe(ErrorType.STORE_FENCED);
    // The store is still silent, so another address is taken.
    expect(await put({ ...copy, startToken: 30, formerStartToken: 20 })).toBeUndefined();
    expect(await addressNow()).toBe('copy:1');
  });

  it('is not heard about Regions, and gets no operators', async () => {
    const stream = harness.heartbeatStream();
    const own = report(region(4, 0, 0, [1]));
    stream.send({ ...reportToWire(own), startToken: 10 });
    await harness.clock.settle();
    expect(stream.received[0]?.header?.error?.type).toBe(ErrorType.STORE_FENCED);
    const { leader } = await harness.call(Scheduler.getRegionByID, { regionId: 4 });
    expect(leader).toBeUndefined();
  });

  it('stays refused after a restart of the scheduler', async () => {
    await harness.start();
    expect((await put(first))?.[0]).toBe(ErrorType.STORE_FENCED);
  });
});

it('a copy is refused for good when the other has been started since, whichever token is greater', async () => {
  await put({ ...copy, address: 'store:1', startToken: 25 });
  const stale = { ...copy, startToken: 29, formerStartToken: 10 };
  expect((await put(stale))?.[0]).toBe(ErrorType.STORE_FENCED);
  await harness.clock.run(10 * DISCONNECTED_MS);
  expect((await put(stale))?.[0]).toBe(ErrorType.STORE_FENCED);
});

it('a heartbeat of a start that is not registered yet is refused, and ends nothing', async () => {
  await expect(beat(11)).rejects.toMatchObject({ code: 'UNKNOWN' });
});
