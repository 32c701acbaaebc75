import { ByteWriter } from '@tinykv/base';
import { type Entry, encodeEntry, makeMessage } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import { type Envelope, readEnvelopes, writeEnvelope } from './envelope.js';

const REGIONS = 200;

function entry(index: number, bytes: number): Entry {
  return { term: 6, index, type: 'EntryNormal', data: new Uint8Array(bytes).fill(index) };
}

function envelope(regionId: number, entries: readonly Entry[]): Envelope {
  const [from, to] = [4, 5].map((id) => ({ id, storeId: id, learner: false }));
  return {
    regionId,
    from: from!,
    to: to!,
    epoch: { confVer: 1, version: 1 },
    range: undefined,
    tombstone: false,
    message: makeMessage({ type: 'MsgApp', from: 4, to: 5, term: 6, index: 7, entries }),
  };
}

function frameOf(envelopes: readonly Envelope[]): Uint8Array {
  const w = new ByteWriter(64);
  for (const each of envelopes) writeEnvelope(w, each);
  return w.finish().slice();
}

/** Bytes of all buffers that these keep alive. */
function heldBytes(entries: readonly Entry[]): number {
  const buffers = new Set(entries.flatMap(({ data, encoded }) => [data.buffer, encoded!.buffer]));
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

describe('entries out of a frame of many Regions', () => {
  it('hold no more than twice their own bytes, whichever of them is kept', () => {
    const large = envelope(1, [entry(8, 600_000)]);
    const small = Array.from({ length: REGIONS }, (_, i) =>
      envelope(2 + i, [entry(8, 20), entry(9, 20)]),
    );
    const read = readEnvelopes(frameOf([large, ...small]));
    expect(read).toHaveLength(1 + REGIONS);
    for (const { message } of read) {
      const entries = message!.entries;
      const bytes = entries.reduce((sum, each) => sum + encodeEntry(each).length, 0);
      expect(heldBytes(entries)).toBeLessThanOrEqual(2 * bytes);
    }
    // One of them for each Region: what their caches hold after many such frames.
    const kept = read.slice(1).map(({ message }) => message!.entries[1]!);
    expect(heldBytes(kept)).toBeLessThanOrEqual(REGIONS * 100);
  });

  it('are what was sent', () => {
    const sent = [envelope(1, [entry(8, 3_000)]), envelope(2, [entry(8, 20), entry(9, 0)])];
    const read = readEnvelopes(frameOf(sent));
    expect(read).toHaveLength(sent.length);
    for (const [i, { message }] of read.entries()) {
      const fields = message!.entries.map(({ term, index, type, data }) => {
        return { term, index, type, data: new Uint8Array(data) };
      });
      const expected = sent[i]!.message!.entries;
      expect(fields).toEqual(
        expected.map(({ term, index, type, data }) => ({ term, index, type, data })),
      );
      expect(message!.entries.map(encodeEntry)).toEqual(expected.map(encodeEntry));
    }
  });

  it('are not copied when they make up most of the frame', () => {
    const frame = frameOf([envelope(1, [entry(8, 100_000)]), envelope(2, [entry(8, 20)])]);
    const [large] = readEnvelopes(frame);
    expect(large!.message!.entries[0]!.data.buffer).toBe(frame.buffer);
  });
});
