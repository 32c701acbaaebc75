import { tinykvpb, tinykvstream, tinykvtxn } from '@tinykv/proto';
import { describe, expect, it } from 'vitest';
import { Network } from './network.js';
import { SimNet } from './sim-net.js';
import { SimProcess } from './sim-proc.js';
import { World } from './world.js';

const rollback = tinykvtxn.Txn.kvPessimisticRollback.path;
const rawPut = tinykvpb.TinyKv.rawPut.path;
const oneKeyWrite = tinykvtxn.Txn.kvOneKeyWrite.path;
const prewrite = tinykvpb.TinyKv.kvPrewrite.path;
const { commands } = tinykvstream.Batch;
const ROLLBACK_NUMBER = tinykvstream.BatchMethod.KvPessimisticRollback;
const ONE_KEY_NUMBER = tinykvstream.BatchMethod.KvOneKeyWrite;
const PREWRITE_NUMBER = tinykvstream.BatchMethod.KvPrewrite;
const RAW_PUT_NUMBER = tinykvstream.BatchMethod.RawPut;

/** A client and a store that counts the unary calls that arrive. */
async function pair(echoRate: number) {
  const world = new World('echoes', { log: false });
  const traits = { delayMinMs: 1, delayMeanMs: 1, lossRate: 0, duplicateRate: 0, reorderRate: 0 };
  const network = new Network(world, { ...traits, echoRate });
  const net = (host: string): SimNet =>
    new SimNet(network, new SimProcess(world, host), host, () => false);
  const arrived: string[] = [];
  const handler = (path: string) => (): Uint8Array => {
    arrived.push(path);
    return new Uint8Array(0);
  };
  await net('store').serve('store:1', {
    unary: new Map([rollback, rawPut, oneKeyWrite, prewrite].map((path) => [path, handler(path)])),
    stream: new Map([[commands.path, () => ({ onMessage: () => {}, onClose: () => {} })]]),
  });
  const count = (path: string): number => arrived.filter((one) => one === path).length;
  return { world, network, client: net('client'), count };
}

describe('calls that come twice', () => {
  it('are those that may by contract, never a raw put', async () => {
    const { world, network, client, count } = await pair(1);
    for (const path of [rollback, rawPut]) {
      void client.call('store:1', path, new Uint8Array(0), { timeoutMs: 10_000 });
    }
    await world.run(() => world.now > 5_000);
    expect([count(rollback), count(rawPut)]).toEqual([2, 1]);
    expect(network.counts.echoed).toBe(1);
  });

  it('are found among the items of a stream', async () => {
    const { world, client, count } = await pair(1);
    const stream = client.open('store:1', commands.path, { onMessage() {}, onClose() {} });
    const items = [ROLLBACK_NUMBER, RAW_PUT_NUMBER].map((method, id) => ({
      id,
      method,
      request: new Uint8Array(4),
    }));
    stream.send(tinykvstream.BatchRequest.encode({ items }));
    await world.run(() => world.now > 5_000);
    // The stream's own items go to its handler: what arrives as a call is the copy.
    expect([count(rollback), count(rawPut)]).toEqual([1, 0]);
  });

  it('are no writes that their store commits by itself, unless the answer is lost', async () => {
    const { world, network, client, count } = await pair(1);
    const stream = client.open('store:1', commands.path, { onMessage() {}, onClose() {} });
    const onePhase = tinykvpb.TinyKv.kvPrewrite.request.encode({ tryOnePc: true });
    const asyncCommit = tinykvpb.TinyKv.kvPrewrite.request.encode({ useAsyncCommit: true });
    const items = [
      { method: ONE_KEY_NUMBER, request: new Uint8Array(0) },
      { method: PREWRITE_NUMBER, request: onePhase },
      { method: PREWRITE_NUMBER, request: asyncCommit },
      { method: PREWRITE_NUMBER, request: new Uint8Array(0) },
      { method: RAW_PUT_NUMBER, request: new Uint8Array(0) },
    ].map((item, id) => ({ id, ...item }));
    stream.send(tinykvstream.BatchRequest.encode({ items }));
    await world.run(() => world.now > 5_000);
    expect([count(oneKeyWrite), count(prewrite), count(rawPut)]).toEqual([0, 1, 0]);
    for (let i = 0; i < 20; i++) {
      const lost = client.open('store:1', commands.path, { onMessage() {}, onClose() {} });
      lost.send(tinykvstream.BatchRequest.encode({ items }));
      network.reset('client', 'store');
    }
    await world.run(() => world.now > 10_000);
    expect(count(oneKeyWrite)).toBeGreaterThan(3);
    expect(count(oneKeyWrite)).toBeLessThan(17);
    expect(count(rawPut)).toBe(0);
  });

  it('are none when the rate is nought', async () => {
    const { world, client, count } = await pair(0);
    void client.call('store:1', rollback, new Uint8Array(0), { timeoutMs: 10_000 });
    await world.run(() => world.now > 5_000);
    expect(count(rollback)).toBe(1);
  });
});
