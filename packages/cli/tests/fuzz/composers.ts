import { ByteWriter, type Prng } from '@tinykv/base';
import { batchMethod } from '@tinykv/proto';
import type { Message, MessageType } from '@tinykv/raft';
import { makeMessage } from '../../../raft/src/message.js';
import { type Envelope, writeEnvelope } from '../../../raftstore/src/envelope.js';
import { encodeHeader, encodePairs } from '../../../raftstore/src/snapshot-format.js';
import { type Messages, pick } from './messages.js';
import type { Shape } from './schema.js';
import { encodeFields, type Field } from './wire-writer.js';

/** Messages that say something only if their fields fit together, by their names. */
const composers: Readonly<Record<string, (messages: Messages) => Uint8Array>> = {
  'kvrpcpb.Context': context,
  'schedulerpb.RequestHeader': header,
  'tinykvstream.BatchRequestItem': batchItem,
  'tinykvpeer.RaftFrame': raftFrame,
  'tinykvpeer.SnapshotFrame': snapshotFrame,
};

export function compose(messages: Messages, shape: Shape): Uint8Array | undefined {
  return composers[shape.name]?.(messages);
}

/** That of a Region and its leader, as a client has it. */
function context({ rng, world }: Messages): Uint8Array {
  const { region, leaderPeerId } = pick(rng, world.regions);
  const peer = region.peers.find(({ id }) => id === leaderPeerId) ?? region.peers[0]!;
  const fields: Field[] = [
    { number: 1, value: BigInt(region.id) },
    { number: 2, value: numbers(region.epoch.confVer, region.epoch.version) },
    { number: 3, value: numbers(peer.id, peer.storeId) },
  ];
  // Ours: answers as of TiKV.
  if (rng.int(0, 2) === 0) fields.push({ number: 101, value: 1n });
  return encodeFields(fields);
}

function header({ world }: Messages): Uint8Array {
  return numbers(world.clusterId);
}

function numbers(...values: readonly number[]): Uint8Array {
  return encodeFields(values.map((value, i) => ({ number: i + 1, value: BigInt(value) })));
}

function batchItem(messages: Messages): Uint8Array {
  const { rng } = messages;
  const number = rng.int(0, 26);
  const rpc = messages.rpcs.get(batchMethod(number)?.path ?? '');
  const request = rpc === undefined ? rng.bytes(rng.int(0, 40)) : messages.draw(rpc.request, 2);
  return encodeFields([
    { number: 1, value: BigInt(rng.int(0, 1_000)) },
    { number: 2, value: BigInt(number) },
    { number: 3, value: request },
  ]);
}

const TYPES: readonly MessageType[] = [
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgTimeoutNow',
  'MsgTransferLeader',
  'MsgReadIndex',
  'MsgReadIndexResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgProp',
];

const NUMBERS: readonly number[] = [0, 1, 2, 6, 7, 100, 2 ** 31, 2 ** 32, 2 ** 50, 2 ** 53 - 1];

function raftFrame(messages: Messages): Uint8Array {
  const { rng, world } = messages;
  const writer = new ByteWriter();
  for (let left = rng.int(0, 4); left > 0; left--) writeEnvelope(writer, envelope(messages));
  const isBroken = rng.int(0, 8) === 0;
  return encodeFields([
    { number: 1, value: BigInt(world.clusterId) },
    { number: 2, value: BigInt(messages.storeId()) },
    { number: 3, value: BigInt(pick(rng, world.storeIds)) },
    { number: 4, value: isBroken ? rng.bytes(rng.int(0, 60)) : writer.finish() },
    { number: 5, value: BigInt(pick(rng, NUMBERS)) },
  ]);
}

/** From a peer that is no member, now and then from one that is. */
function envelope(messages: Messages): Envelope {
  const { rng, world } = messages;
  const { region } = pick(rng, world.regions);
  const to = pick(rng, region.peers);
  const from =
    rng.int(0, 8) === 0
      ? pick(rng, region.peers)
      : { id: pick(rng, NUMBERS), storeId: pick(rng, world.storeIds), learner: false };
  const regionId = rng.int(0, 8) === 0 ? pick(rng, NUMBERS) : region.id;
  const { confVer, version } = region.epoch;
  const jump = pick(rng, NUMBERS);
  const epoch = pick(rng, [
    { confVer, version },
    { confVer: confVer + 1, version },
    { confVer: jump, version: jump },
  ]);
  const strange = { start: messages.key('start'), end: messages.key('end') };
  const range = pick(rng, [undefined, undefined, region.range, strange]);
  const tombstone = rng.int(0, 4) === 0;
  const message = tombstone ? undefined : raftMessage(rng, from.id, to.id);
  return { regionId, from, to, epoch, range, tombstone, message };
}

function raftMessage(rng: Prng, from: number, to: number): Message {
  const number = (): number => pick(rng, NUMBERS);
  const type = pick(rng, TYPES);
  const fields = { type, from, to, term: number(), index: number(), logTerm: number() };
  return makeMessage({
    ...fields,
    commit: number(),
    reject: rng.int(0, 2) === 0,
    rejectHint: number(),
    context: rng.bytes(rng.int(0, 20)),
    ...(type === 'MsgSnap'
      ? {
          snapshot: {
            data: rng.bytes(rng.int(0, 20)),
            metadata: {
              index: number(),
              term: number(),
              confState: {
                voters: [from, to],
                learners: [],
                votersOutgoing: [],
                learnersNext: [],
                autoLeave: false,
              },
            },
          },
        }
      : {}),
  });
}

function snapshotFrame(messages: Messages): Uint8Array {
  const { rng, world } = messages;
  const body =
    rng.int(0, 2) === 0
      ? encodeHeader(envelope(messages))
      : encodePairs([[rng.bytes(8), rng.bytes(8)]]);
  return encodeFields([
    { number: 1, value: BigInt(world.clusterId) },
    ...(rng.int(0, 2) === 0 ? [{ number: 2, value: body }] : []),
    { number: 3, value: rng.int(0, 2) === 0 ? body : rng.bytes(rng.int(0, 60)) },
    { number: 4, value: BigInt(rng.u32()) },
  ]);
}
