import { ByteWriter } from '@tinykv/base';
import { tinykvpeer } from '@tinykv/proto';
import type { Message } from '@tinykv/raft';
import { writeEnvelope } from '../../raftstore/src/envelope.js';
import type { StoreNode } from '../src/cluster/store-node.js';
import type { Scenario } from './scenario.js';

/** Puts a message of another store's peer into a store's hands, as the network would. */
export function deliver(
  from: StoreNode,
  to: StoreNode,
  scenario: Scenario,
  message: Message,
): void {
  const { region } = scenario.peer(to);
  const peerOn = (node: StoreNode) => region.peers.find(({ storeId }) => storeId === node.storeId)!;
  const [sender, receiver] = [peerOn(from), peerOn(to)];
  const w = new ByteWriter(64);
  writeEnvelope(w, {
    regionId: region.id,
    from: sender,
    to: receiver,
    epoch: region.epoch,
    range: undefined,
    tombstone: false,
    message: { ...message, from: sender.id, to: receiver.id },
  });
  const accept = to.store!.services().stream.get(tinykvpeer.Peer.raft.path)!;
  const ends = { send: () => true, end: () => undefined, destroy: () => undefined };
  const frame = { clusterId: to.store!.clusterId, fromStore: from.storeId!, toStore: to.storeId! };
  const bytes = tinykvpeer.RaftFrame.encode({ ...frame, messages: w.finish() });
  accept({ ...ends, bufferedBytes: 0 }, { address: from.address }).onMessage(bytes);
}
