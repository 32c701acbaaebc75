import { ByteWriter } from '@tinykv/base';
import { findPeerOnStore, type Peer } from '@tinykv/model';
import { tinykvpeer } from '@tinykv/proto';
import { encodeMessage, makeMessage } from '@tinykv/raft';
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster } from './harness.js';

let cluster: TestCluster;

afterEach(async () => {
  expect(cluster.fatals).toEqual([]);
  await cluster.stop();
});

const TOMBSTONE = 2;
const MESSAGE = 4;

/** One envelope of a Raft frame, as anybody can write it who can reach the port. */
function envelope(
  regionId: number,
  from: Peer,
  to: Peer,
  message?: Parameters<typeof makeMessage>[0],
): Uint8Array {
  const w = new ByteWriter().u32(0).u8(message === undefined ? TOMBSTONE : MESSAGE);
  w.varint(regionId).varint(1_000_000).varint(1_000_000);
  for (const { id, storeId } of [from, to]) w.varint(id).varint(storeId).u8(0);
  if (message !== undefined) {
    encodeMessage(w, makeMessage({ ...message, from: from.id, to: to.id }));
  }
  return w
    .patchU32(0, w.length - 4)
    .finish()
    .slice();
}

describe('forged Raft messages', () => {
  it('of a store that nobody knows leave every replica as it was', async () => {
    cluster = await TestCluster.start();
    const { id } = cluster.regionOf('');
    for (const at of [1, 2]) await cluster.addPeer(id, at);
    await cluster.put('a', '1');
    const at = (cluster.leaderOf(id)! + 1) % 3;
    const { store, address } = cluster.nodes[at]!;
    const { storeId } = store!;
    const victim = findPeerOnStore(cluster.regionOf(''), storeId)!;
    const { clusterId } = store!.ident;
    const { term } = store!.regions()[0]!;
    const stranger: Peer = { id: 900, storeId: 90, learner: false };
    const nothing = { onMessage: () => undefined, onClose: () => undefined };
    const stream = cluster.net.open(address, tinykvpeer.Peer.raft.path, nothing);
    for (const messages of [
      envelope(id, stranger, victim, { type: 'MsgHeartbeat', term, commit: 2 ** 50 }),
      envelope(id, stranger, victim),
      envelope(id, stranger, { ...victim, id: 901 }, { type: 'MsgHeartbeat', term }),
    ]) {
      const frame = { clusterId, fromStore: 90, toStore: storeId, messages };
      stream.send(tinykvpeer.RaftFrame.encode(frame));
    }
    // Nothing can be counted up from these: no answer to them could be written.
    const last = Number.MAX_SAFE_INTEGER;
    for (const message of [
      { type: 'MsgVote', term: last, index: last },
      { type: 'MsgPreVote', term: last, index: last },
      { type: 'MsgApp', term: last, index: last, logTerm: last },
      { type: 'MsgHeartbeat', term: last },
    ] as const) {
      const messages = envelope(id, stranger, victim, message);
      const frame = { clusterId, fromStore: 90, toStore: storeId, messages };
      stream.send(tinykvpeer.RaftFrame.encode(frame));
    }
    await cluster.clock.run(2_000);
    expect(store!.regions()).toMatchObject([{ peerId: victim.id, role: 'StateFollower' }]);
    await cluster.put('a', '2');
    await cluster.expectEqualReplicas(id);
  });
});
