import { ByteReader, ByteWriter, CodecError, type Term } from '@tinykv/base';
import { decodeModify, encodeModify, type Modify, type Peer } from '@tinykv/model';
import type { ConfChange, Entry } from '@tinykv/raft';
import { readPeer, writePeer } from './local-state.js';

/**
 * The payload of a log entry. A data entry holds the commands of one turn: all were decided under one
 * term and one epoch version, which apply checks again.
 */
export type EntryPayload =
  | { readonly type: 'empty' }
  | {
      readonly type: 'data';
      readonly term: Term;
      readonly version: number;
      readonly body: ByteReader;
    }
  | { readonly type: 'split'; readonly version: number; readonly splits: readonly SplitTarget[] };

/** One cut: what lies at and behind the key becomes the new Region. Keys of a batch ascend. */
export interface SplitTarget {
  readonly key: Uint8Array;
  readonly regionId: number;
  /** In the order of the parent's peers. */
  readonly peerIds: readonly number[];
}

const KIND_DATA = 1;
const KIND_SPLIT = 2;

/** What the kind of an entry says of it, with nothing else decoded. */
interface KindTraits {
  /** It changes the Region itself, so it is applied alone, between two barriers. */
  readonly isFenced: boolean;
  /** Once it is committed, another Region's leader may serve a part of the range: no lease until it is applied. */
  readonly voidsLease: boolean;
}

const KINDS: Readonly<Record<number, KindTraits>> = {
  [KIND_DATA]: { isFenced: false, voidsLease: false },
  [KIND_SPLIT]: { isFenced: true, voidsLease: true },
};

function traitsOf({ type, data }: Entry): KindTraits | undefined {
  const kind = data[0];
  return type !== 'EntryNormal' || kind === undefined ? undefined : KINDS[kind];
}

/** Begins a data entry; commands are added by {@link addCommand}. */
export function beginData(w: ByteWriter, term: Term, version: number): void {
  w.u8(KIND_DATA).varint(term).varint(version);
}

export function addCommand(w: ByteWriter, modifies: readonly Modify[]): void {
  w.varint(modifies.length);
  for (const modify of modifies) encodeModify(w, modify);
}

/** The next command of a data entry's body, or undefined at its end. Throws CodecError. */
export function nextCommand(body: ByteReader): Modify[] | undefined {
  if (body.remaining === 0) return undefined;
  const out: Modify[] = [];
  for (let n = body.varint(); n > 0; n--) out.push(decodeModify(body));
  return out;
}

export function encodeSplit(version: number, splits: readonly SplitTarget[]): Uint8Array {
  const w = new ByteWriter(128);
  w.u8(KIND_SPLIT).varint(version).varint(splits.length);
  for (const { key, regionId, peerIds } of splits) {
    w.bytes(key).varint(regionId).varint(peerIds.length);
    for (const id of peerIds) w.varint(id);
  }
  return w.finish();
}

export function decodePayload(data: Uint8Array): EntryPayload {
  if (data.length === 0) return { type: 'empty' };
  const r = new ByteReader(data);
  const kind = r.u8();
  switch (kind) {
    case KIND_DATA:
      return { type: 'data', term: r.varint(), version: r.varint(), body: r };
    case KIND_SPLIT: {
      const version = r.varint();
      const splits: SplitTarget[] = [];
      for (let n = r.varint(); n > 0; n--) {
        const key = r.bytes().slice();
        const regionId = r.varint();
        const peerIds: number[] = [];
        for (let k = r.varint(); k > 0; k--) peerIds.push(r.varint());
        splits.push({ key, regionId, peerIds });
      }
      return { type: 'split', version, splits };
    }
    default:
      throw new CodecError(`entry kind ${kind} is unknown`);
  }
}

/** True for entries that change the Region itself. */
export function isAdminEntry(entry: Entry): boolean {
  return entry.type !== 'EntryNormal' || traitsOf(entry)?.isFenced === true;
}

/** See StateMachine.voidsLease. */
export function entryVoidsLease(entry: Entry): boolean {
  return traitsOf(entry)?.voidsLease === true;
}

/** A change of one peer, with the conf_ver that it was decided under. */
export interface PeerChange {
  readonly type: 'add' | 'remove';
  readonly peer: Peer;
  readonly confVer: number;
}

export function encodePeerChange(change: PeerChange): ConfChange {
  const w = new ByteWriter(32);
  w.u8(change.type === 'add' ? 0 : 1).varint(change.confVer);
  writePeer(w, change.peer);
  const add = change.peer.learner ? 'ConfChangeAddLearnerNode' : 'ConfChangeAddNode';
  return {
    transition: 'ConfChangeTransitionAuto',
    changes: [
      { type: change.type === 'add' ? add : 'ConfChangeRemoveNode', nodeId: change.peer.id },
    ],
    context: w.finish().slice(),
  };
}

export function decodePeerChange(change: ConfChange): PeerChange {
  const r = new ByteReader(change.context);
  return { type: r.u8() === 0 ? 'add' : 'remove', confVer: r.varint(), peer: readPeer(r) };
}
