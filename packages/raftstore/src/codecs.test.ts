import { ByteReader, ByteWriter, CodecError, crc32, type KvEntry } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import type { Peer, Region } from '@tinykv/model';
import { makeMessage } from '@tinykv/raft';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addCommand,
  beginData,
  decodePayload,
  decodePeerChange,
  encodePeerChange,
  encodeSplit,
  nextCommand,
} from './command.js';
import { type Envelope, readEnvelopes, writeEnvelope } from './envelope.js';
import {
  decodeApplyState,
  decodeIdent,
  decodeRegion,
  decodeRegionState,
  encodeApplyState,
  encodeIdent,
  encodeRegion,
  encodeRegionState,
  NEVER_STARTED,
} from './local-state.js';
import {
  encodeEnd,
  encodeHeader,
  encodePairs,
  PART_PREFIX_BYTES,
  SnapshotChecker,
} from './snapshot-format.js';

const id = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const bytes = fc.uint8Array({ maxLength: 40 });
const peer: fc.Arbitrary<Peer> = fc.record({ id, storeId: id, learner: fc.boolean() });
const region: fc.Arbitrary<Region> = fc.record({
  id,
  range: fc.record({ start: bytes, end: bytes }),
  epoch: fc.record({ confVer: id, version: id }),
  peers: fc.array(peer, { maxLength: 5 }),
});

/** Flips one bit of the bytes. */
function flipped(source: Uint8Array, bit: number): Uint8Array {
  const out = source.slice();
  const at = bit % (out.length * 8);
  out[at >> 3] = out[at >> 3]! ^ (1 << (at & 7));
  return out;
}

describe('what a store keeps of itself', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(region, id, id, (r, index, term) => {
        expect(decodeRegion(encodeRegion(r))).toEqual(r);
        const state = {
          state: 'applying' as const,
          region: r,
          peerId: index,
          appliedIndex: index,
          appliedTerm: term,
          snapshotFile: 'recv-1.snap',
        };
        expect(decodeRegionState(encodeRegionState(state))).toEqual(state);
        const withOther = { ...state, otherRange: r.range };
        expect(decodeRegionState(encodeRegionState(withOther))).toEqual(withOther);
        expect(decodeApplyState(encodeApplyState({ index, term }))).toEqual({ index, term });
        const known = { clusterId: index, storeId: term, api: 'raw' as const };
        const ident = {
          ...known,
          startToken: index,
          formerStartToken: term,
          address: 'host:1',
          fenced: 'started again',
        };
        expect(decodeIdent(encodeIdent(ident))).toEqual(ident);
      }),
    );
  });

  it('is refused when a bit has flipped', () => {
    fc.assert(
      fc.property(region, fc.nat(), (r, bit) => {
        expect(() => decodeRegion(flipped(encodeRegion(r), bit))).toThrow(CodecError);
      }),
    );
  });

  it('of another format is refused with its number', () => {
    const ident = encodeIdent({ clusterId: 1, storeId: 2, api: 'txn', ...NEVER_STARTED });
    const body = ident.slice(0, -4);
    body[0] = 9;
    const bad = new ByteWriter().raw(body).u32(crc32(body)).finish();
    expect(() => decodeIdent(bad)).toThrow(/format 9 is not 1/);
  });
});

describe('log entries', () => {
  it('hold the commands of a turn', () => {
    const w = new ByteWriter();
    beginData(w, 7, 3);
    addCommand(w, [
      { type: 'raw-put', cf: 'default', key: Uint8Array.of(1), value: Uint8Array.of(2) },
    ]);
    addCommand(w, [{ type: 'raw-delete', cf: 'write', key: Uint8Array.of(3) }]);
    const payload = decodePayload(w.finish());
    if (payload.type !== 'data') throw new Error('not a data entry');
    expect([payload.term, payload.version]).toEqual([7, 3]);
    expect(nextCommand(payload.body)).toHaveLength(1);
    expect(nextCommand(payload.body)?.[0]?.type).toBe('raw-delete');
    expect(nextCommand(payload.body)).toBeUndefined();
  });

  it('hold splits and changes of peers', () => {
    const splits = [{ key: Uint8Array.of(5), regionId: 9, peerIds: [10, 11] }];
    expect(decodePayload(encodeSplit(4, splits))).toEqual({ type: 'split', version: 4, splits });
    const change = {
      type: 'add' as const,
      peer: { id: 1, storeId: 2, learner: false },
      confVer: 3,
    };
    expect(decodePeerChange(encodePeerChange(change))).toEqual(change);
  });

  it('of no known kind are refused', () => {
    expect(() => decodePayload(Uint8Array.of(99))).toThrow(CodecError);
  });
});

describe('frames between stores', () => {
  const envelope: Envelope = {
    regionId: 3,
    from: { id: 1, storeId: 1, learner: false },
    to: { id: 2, storeId: 2, learner: true },
    epoch: { confVer: 1, version: 2 },
    range: { start: Uint8Array.of(1), end: new Uint8Array(0) },
    tombstone: false,
    message: makeMessage({ type: 'MsgHeartbeat', from: 1, to: 2, term: 6 }),
  };

  it('hold several envelopes', () => {
    const w = new ByteWriter();
    writeEnvelope(w, envelope);
    writeEnvelope(w, { ...envelope, range: undefined, message: undefined, tombstone: true });
    const [first, second] = readEnvelopes(w.finish());
    expect(first).toEqual(envelope);
    expect(second).toMatchObject({ tombstone: true, message: undefined });
  });

  it('of random bytes throw nothing but CodecError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          readEnvelopes(noise);
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
        }
      }),
      runs(500),
    );
  });

  it('cut short are refused', () => {
    const w = new ByteWriter();
    writeEnvelope(w, envelope);
    const whole = w.finish();
    for (let length = 1; length < whole.length; length++) {
      expect(() => readEnvelopes(whole.subarray(0, length))).toThrow(CodecError);
    }
    expect(new ByteReader(whole).u32()).toBe(whole.length - 4);
  });

  it('of a snapshot are followed to their end, and a missing or changed part shows', () => {
    const pairs: KvEntry[] = [[Uint8Array.of(1), Uint8Array.of(2)]];
    const header = encodeHeader(envelope).slice();
    const first = encodePairs(pairs).slice();
    let crc = 0;
    for (const part of [header, first, first]) {
      crc = crc32(part.subarray(4, PART_PREFIX_BYTES), crc);
    }
    const end = encodeEnd(2, crc).slice();
    const follow = (parts: readonly Uint8Array[]): boolean => {
      const checker = new SnapshotChecker();
      for (const part of parts) checker.add(part);
      return checker.ended;
    };
    expect(follow([header, first, first, end])).toBe(true);
    expect(follow([header, first, first])).toBe(false);
    expect(() => follow([header, first, end])).toThrow(CodecError);
    expect(() => follow([header, first, first, end, first])).toThrow(CodecError);
    for (let bit = 0; bit < first.length * 8; bit++) {
      expect(() => follow([header, flipped(first, bit), first, end])).toThrow(CodecError);
    }
  });
});
