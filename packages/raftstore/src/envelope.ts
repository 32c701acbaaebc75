import { ByteReader, type ByteWriter, type LogIndex } from '@tinykv/base';
import type { KeyRange, Peer, RegionEpoch } from '@tinykv/model';
import { decodeMessage, encodeMessage, type LogPosition, type Message } from '@tinykv/raft';
import { readPeer, writePeer } from './local-state.js';
import { ownMessage } from './own-entries.js';

/** A Raft message on its way between two stores. */
export interface Envelope {
  readonly regionId: number;
  readonly from: Peer;
  readonly to: Peer;
  /** The sender's epoch. */
  readonly epoch: RegionEpoch;
  /** The sender's range, on messages that may create the receiving peer. */
  readonly range: KeyRange | undefined;
  /** Tells the receiving peer that it is no longer a member. Carries no Raft message. */
  readonly tombstone: boolean;
  readonly message: Message | undefined;
  /** An entry that the sender has applied, and that the receiver may not know to be committed. */
  readonly committed?: LogPosition;
  /** On heartbeats: every member has the log up to here, so that a follower need not keep what is old. */
  readonly replicated?: LogIndex;
}

const FLAG_RANGE = 1;
const FLAG_TOMBSTONE = 2;
const FLAG_MESSAGE = 4;
const FLAG_COMMITTED = 8;
const FLAG_REPLICATED = 16;

export function writeEnvelope(w: ByteWriter, e: Envelope): void {
  const start = w.length;
  w.u32(0);
  w.u8(
    (e.range ? FLAG_RANGE : 0) |
      (e.tombstone ? FLAG_TOMBSTONE : 0) |
      (e.message ? FLAG_MESSAGE : 0) |
      (e.committed ? FLAG_COMMITTED : 0) |
      (e.replicated ? FLAG_REPLICATED : 0),
  );
  w.varint(e.regionId).varint(e.epoch.confVer).varint(e.epoch.version);
  writePeer(w, e.from);
  writePeer(w, e.to);
  if (e.range) w.bytes(e.range.start).bytes(e.range.end);
  if (e.committed) w.varint(e.committed.index).varint(e.committed.term);
  if (e.message) encodeMessage(w, e.message);
  // At the end, where a reader that does not know of it stops.
  if (e.replicated) w.varint(e.replicated);
  w.patchU32(start, w.length - start - 4);
}

/** The envelopes of one frame; see {@link ownMessage} for what is a view of it. Throws CodecError. */
export function readEnvelopes(frame: Uint8Array): Envelope[] {
  const r = new ByteReader(frame);
  const out: Envelope[] = [];
  while (r.remaining > 0) out.push(readEnvelope(new ByteReader(r.raw(r.u32()))));
  return out;
}

export function readEnvelope(r: ByteReader): Envelope {
  const flags = r.u8();
  const regionId = r.varint();
  const epoch = { confVer: r.varint(), version: r.varint() };
  const from = readPeer(r);
  const to = readPeer(r);
  const range =
    flags & FLAG_RANGE ? { start: r.bytes().slice(), end: r.bytes().slice() } : undefined;
  const committed = flags & FLAG_COMMITTED ? { index: r.varint(), term: r.varint() } : undefined;
  const message = flags & FLAG_MESSAGE ? ownMessage(decodeMessage(r)) : undefined;
  const replicated = flags & FLAG_REPLICATED ? r.varint() : undefined;
  const tombstone = (flags & FLAG_TOMBSTONE) !== 0;
  const envelope = { regionId, from, to, epoch, range, tombstone, message };
  if (replicated !== undefined) return { ...envelope, replicated };
  return committed === undefined ? envelope : { ...envelope, committed };
}
