import { type Timestamp, utf8 } from '@tinykv/base';
import type { Client } from '@tinykv/client';
import { findPeerOnStore } from '@tinykv/model';
import { kvrpcpb, tinykvpb } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
import { Scenario } from './scenario.js';

const { kvPrewrite } = tinykvpb.TinyKv;

let s: Scenario;
let client: Client;

beforeEach(async ({ task }) => {
  s = await Scenario.start(task.name);
  client = s.cluster.clients[0]!.client!;
  // The leader learns what it may commit above.
  for (const key of ['warm', 'up']) await write(key);
});

function write(key: string): Promise<void> {
  return s.wait(client.txn.run(async (txn) => txn.put(utf8(key), utf8('value'))));
}

/** As a client sends it whose first answer was lost. */
async function prewriteAt(
  node: StoreNode,
  startVersion: Timestamp,
  how: Partial<kvrpcpb.PrewriteRequestInit>,
): Promise<kvrpcpb.PrewriteResponse> {
  const { region } = s.peer(node);
  const peer = findPeerOnStore(region, node.storeId!)!;
  const request = kvPrewrite.request.encode({
    context: { regionId: region.id, regionEpoch: region.epoch, peer, strict: true },
    mutations: [
      { op: kvrpcpb.Op.Put, key: utf8('a'), value: utf8('1') },
      { op: kvrpcpb.Op.Lock, key: utf8('b') },
      { op: kvrpcpb.Op.Del, key: utf8('c') },
    ],
    primaryLock: utf8('a'),
    startVersion,
    lockTtl: 3_000,
    minCommitTs: startVersion + 1n,
    ...how,
  });
  const handler = node.store!.services().unary.get(kvPrewrite.path)!;
  return kvPrewrite.response.decode(await s.wait(Promise.resolve(handler(request, CALLER))));
}

const CALLER = { address: 'test:0' };

async function handOver(): Promise<StoreNode> {
  const heir = s.transferLeader();
  await s.untilLeads(heir);
  return heir;
}

describe('KvPrewrite of all keys, repeated after it has committed', () => {
  it('in one phase: answers the commit timestamp again, at the old leader and at the new one', async () => {
    const startTs = await s.wait(client.txn.timestamp());
    const { node } = s.leader();
    const how = { tryOnePc: true, useAsyncCommit: true, secondaries: [utf8('b'), utf8('c')] };
    const { onePcCommitTs, errors } = await prewriteAt(node, startTs, how);
    expect(errors).toEqual([]);
    expect(onePcCommitTs).toBeGreaterThan(startTs);
    expect(await prewriteAt(node, startTs, how)).toMatchObject({ onePcCommitTs, errors: [] });
    for (const key of ['a', 'b', 'c']) await write(key);
    const heir = await handOver();
    expect(await prewriteAt(heir, startTs, how)).toMatchObject({ onePcCommitTs, errors: [] });
  });

  it('asynchronously: answers when others have committed it by its locks', async () => {
    const startTs = await s.wait(client.txn.timestamp());
    const { node } = s.leader();
    const how = { useAsyncCommit: true, secondaries: [utf8('b'), utf8('c')] };
    const { minCommitTs, errors } = await prewriteAt(node, startTs, how);
    expect(errors).toEqual([]);
    expect(minCommitTs).toBeGreaterThan(startTs);
    // The locks expire, and a reader ends the transaction.
    await s.run(4_000);
    const value = await s.wait(client.txn.run((txn) => txn.get(utf8('a'))));
    expect(value).toEqual(utf8('1'));
    expect(await prewriteAt(node, startTs, how)).toMatchObject({ minCommitTs, errors: [] });
    const heir = await handOver();
    expect(await prewriteAt(heir, startTs, how)).toMatchObject({ minCommitTs, errors: [] });
  });
});
