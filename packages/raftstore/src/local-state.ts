import {
  ByteReader,
  ByteWriter,
  CodecError,
  crc32,
  fromUtf8,
  type LogIndex,
  type Term,
  type Timestamp,
  TS_ZERO,
  utf8,
} from '@tinykv/base';
import type { ApiMode, KeyRange, Peer, Region } from '@tinykv/model';

/** Version of everything a store keeps on disk; another one refuses to start. */
export const STORE_FORMAT = 1;

export interface StoreIdent {
  readonly clusterId: number;
  readonly storeId: number;
  readonly api: ApiMode;
  /** Of the running or last start; raised and written before the start is known to anybody. 0: never started. */
  readonly startToken: number;
  /** Of the start before that. */
  readonly formerStartToken: number;
  /** Where the scheduler last knew this folder to be served; empty: it was never registered. */
  readonly address: string;
  /** Why the folder must not be used any more: a later start, elsewhere, has made it a stale copy. Empty: it may. */
  readonly fenced: string;
}

/**
 * What the engine knows of a Region's replica here. `appliedIndex` is the index of the fenced entry
 * that wrote the record: the fence's barriers make everything up to it durable when the record is found.
 * `applying`: a snapshot is being installed from `snapshotFile`; a restart begins it again.
 * `damaged`: the replica has lost what it had promised, and takes no part until it is replaced.
 */
export interface RegionLocalState {
  readonly state: (typeof states)[number];
  readonly region: Region;
  readonly peerId: number;
  readonly appliedIndex: LogIndex;
  readonly appliedTerm: Term;
  readonly snapshotFile: string;
  /**
   * Beside the Region's range, another one that may hold data of this replica and goes with it. `applying`: the
   * range that the Region had before. `tombstone` and `damaged`: the range that a snapshot was being written to.
   */
  readonly otherRange?: KeyRange | undefined;
}

export interface ApplyState {
  readonly index: LogIndex;
  readonly term: Term;
}

const states = ['normal', 'applying', 'tombstone', 'damaged'] as const;

function seal(w: ByteWriter): Uint8Array {
  return w.u32(crc32(w.finish())).finish().slice();
}

function unseal(bytes: Uint8Array, what: string): ByteReader {
  if (bytes.length < 4) throw new CodecError(`${what} of ${bytes.length} bytes`);
  const body = bytes.subarray(0, bytes.length - 4);
  const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4);
  if (crc32(body) !== stored) throw new CodecError(`${what}: checksum does not match`);
  return new ByteReader(body);
}

/** The rest of the ident of a store that is new, or was made by an older build. */
export const NEVER_STARTED: Omit<StoreIdent, 'clusterId' | 'storeId' | 'api'> = {
  startToken: 0,
  formerStartToken: 0,
  address: '',
  fenced: '',
};

export function encodeIdent(ident: StoreIdent): Uint8Array {
  return seal(
    new ByteWriter(32)
      .u8(STORE_FORMAT)
      .u64(ident.clusterId)
      .u64(ident.storeId)
      .u8(ident.api === 'txn' ? 0 : 1)
      .u64(ident.startToken)
      .u64(ident.formerStartToken)
      .bytes(utf8(ident.address))
      .bytes(utf8(ident.fenced)),
  );
}

export function decodeIdent(bytes: Uint8Array): StoreIdent {
  const r = unseal(bytes, 'store ident');
  const format = r.u8();
  if (format !== STORE_FORMAT)
    throw new CodecError(`store format ${format} is not ${STORE_FORMAT}`);
  const clusterId = r.u64();
  const storeId = r.u64();
  const api = r.u8() === 0 ? 'txn' : 'raw';
  const ident = { clusterId, storeId, api } as const;
  // Folders of older builds end here.
  if (r.remaining === 0) return { ...ident, ...NEVER_STARTED };
  const startToken = r.u64();
  const formerStartToken = r.u64();
  const address = fromUtf8(r.bytes());
  return { ...ident, startToken, formerStartToken, address, fenced: fromUtf8(r.bytes()) };
}

export function writePeer(w: ByteWriter, peer: Peer): void {
  w.varint(peer.id)
    .varint(peer.storeId)
    .u8(peer.learner ? 1 : 0);
}

export function readPeer(r: ByteReader): Peer {
  return { id: r.varint(), storeId: r.varint(), learner: r.u8() === 1 };
}

export function writeRegion(w: ByteWriter, region: Region): void {
  w.varint(region.id).bytes(region.range.start).bytes(region.range.end);
  w.varint(region.epoch.confVer).varint(region.epoch.version).varint(region.peers.length);
  for (const peer of region.peers) writePeer(w, peer);
}

/** Copies what it keeps. */
export function readRegion(r: ByteReader): Region {
  const id = r.varint();
  const range = { start: r.bytes().slice(), end: r.bytes().slice() };
  const epoch = { confVer: r.varint(), version: r.varint() };
  const peers: Peer[] = [];
  for (let n = r.varint(); n > 0; n--) peers.push(readPeer(r));
  return { id, range, epoch, peers };
}

export function encodeRegion(region: Region): Uint8Array {
  const w = new ByteWriter(128);
  writeRegion(w, region);
  return seal(w);
}

export function decodeRegion(bytes: Uint8Array): Region {
  return readRegion(unseal(bytes, 'region'));
}

/**
 * What a snapshot says of itself: its Region, and the safe point below which its data may lack versions. Who knows
 * the Region alone reads it by {@link decodeRegion}.
 */
export function encodeSnapshotHead(region: Region, safePoint: Timestamp): Uint8Array {
  const w = new ByteWriter(128);
  writeRegion(w, region);
  return seal(w.timestamp(safePoint));
}

/** Of a snapshot; one made before there was a collection has 0. */
export function decodeSnapshotSafePoint(bytes: Uint8Array): Timestamp {
  const r = unseal(bytes, 'snapshot');
  readRegion(r);
  return r.remaining === 0 ? TS_ZERO : r.timestamp();
}

export function encodeRegionState(state: RegionLocalState): Uint8Array {
  const w = new ByteWriter(160);
  w.u8(states.indexOf(state.state)).varint(state.peerId);
  w.varint(state.appliedIndex).varint(state.appliedTerm);
  const name = Uint8Array.from(state.snapshotFile, (c) => c.charCodeAt(0));
  w.bytes(name);
  writeRegion(w, state.region);
  const { otherRange } = state;
  if (otherRange !== undefined) w.bytes(otherRange.start).bytes(otherRange.end);
  return seal(w);
}

export function decodeRegionState(bytes: Uint8Array): RegionLocalState {
  const r = unseal(bytes, 'region state');
  const state = states[r.u8()];
  if (state === undefined) throw new CodecError('region state is unknown');
  const peerId = r.varint();
  const appliedIndex = r.varint();
  const appliedTerm = r.varint();
  const snapshotFile = String.fromCharCode(...r.bytes());
  const region = readRegion(r);
  // Records of earlier versions end here.
  const otherRange =
    r.remaining === 0 ? undefined : { start: r.bytes().slice(), end: r.bytes().slice() };
  return { state, peerId, appliedIndex, appliedTerm, snapshotFile, region, otherRange };
}

export function encodeApplyState(state: ApplyState): Uint8Array {
  return seal(new ByteWriter(24).u64(state.index).u64(state.term));
}

export function decodeApplyState(bytes: Uint8Array): ApplyState {
  const r = unseal(bytes, 'apply state');
  return { index: r.u64(), term: r.u64() };
}
