import { Reader, Writer } from 'protobufjs/minimal.js';
import { describe, expect, test } from 'vitest';
import { kvrpcpb, metapb, ProtoError } from './index.js';

describe('decoding', () => {
  test('a message field that comes twice is merged, a scalar takes the last value', () => {
    const first = kvrpcpb.GetRequest.encode({ context: { regionId: 1, term: 7 }, version: 1n });
    const second = kvrpcpb.GetRequest.encode({
      context: { regionId: 2, peer: { id: 3 } },
      version: 2n,
    });
    const merged = kvrpcpb.GetRequest.decode(Buffer.concat([first, second]));
    expect(merged).toEqual(
      kvrpcpb.GetRequest.create({
        context: { regionId: 2, term: 7, peer: { id: 3 } },
        version: 2n,
      }),
    );
  });

  test('bytes are plain views of the decoded buffer, also of a node Buffer', () => {
    const encoded = Buffer.from(kvrpcpb.KvPair.encode({ key: new Uint8Array([1, 2]) }));
    const { key } = kvrpcpb.KvPair.decode(encoded);
    expect(Buffer.isBuffer(key)).toBe(false);
    expect(key.buffer).toBe(encoded.buffer);
    encoded[encoded.length - 1] = 9;
    expect([...key]).toEqual([1, 9]);
  });

  test('a nested message may not reach beyond its parent', () => {
    const inner = metapb.Peer.encode({ id: 1 });
    const region = new Writer()
      .uint32(42)
      .uint32(inner.length + 1)
      .raw(inner)
      .finish();
    expect(() => metapb.Region.decode(region)).toThrow(
      'metapb.Region.peers: length 3 exceeds its message',
    );
  });

  test('a field may not reach beyond its nested message', () => {
    // Region { peers: Peer(2 bytes: tag of store_id, first byte of a varint) } and one byte more.
    const region = new Uint8Array([42, 2, 0x10, 0x80, 0x01]);
    expect(() => metapb.Region.decode(region)).toThrow('metapb.Peer: ends inside a field');
  });

  test('a varint may not exceed 64 bits', () => {
    const id = (...tail: number[]): Uint8Array =>
      new Uint8Array([8, ...Array(9).fill(0xff), ...tail]);
    expect(() => metapb.Peer.decode(id(0x02))).toThrow('varint exceeds 64 bits');
    expect(() => metapb.Peer.decode(id(0xff, 0x01))).toThrow('varint exceeds 64 bits');
    expect(() => metapb.Peer.decode(id())).toThrow('varint is cut off at offset 10');
    const version = new Uint8Array([24, ...Array(9).fill(0xff), 0x01]);
    expect(kvrpcpb.GetRequest.decode(version).version).toBe(2n ** 64n - 1n);
  });

  test('a varint with needless zero bytes is accepted', () => {
    expect(metapb.Peer.decode(new Uint8Array([8, 0x85, 0x80, 0x80, 0x80, 0x80, 0x00])).id).toBe(5);
  });

  test('field number 0 and text that is not UTF-8 are refused', () => {
    expect(() => metapb.Peer.decode(new Uint8Array([0, 0]))).toThrow(ProtoError);
    for (const length of [2, 100]) {
      const store = new Writer().uint32(18).bytes(new Uint8Array(length).fill(0xff)).finish();
      expect(() => metapb.Store.decode(store)).toThrow(ProtoError);
    }
  });

  test('nesting ends at depth 100, for messages and for unknown groups', () => {
    const empty = (): Reader => new Reader(new Uint8Array(0));
    expect(() => metapb.Peer.mergeFrom(metapb.Peer.create(), empty(), 0, 100)).not.toThrow();
    expect(() => metapb.Peer.mergeFrom(metapb.Peer.create(), empty(), 0, 101)).toThrow(
      'metapb.Peer: nests deeper than 100',
    );
    const groups = (count: number): Uint8Array =>
      Uint8Array.from({ length: 2 * count }, (_, i) => (9 << 3) | (i < count ? 3 : 4));
    expect(metapb.Peer.decode(groups(100))).toEqual(metapb.Peer.create());
    expect(() => metapb.Peer.decode(groups(200))).toThrow('max depth exceeded');
    expect(() => metapb.Peer.decode(groups(100_000))).toThrow(ProtoError);
  });

  test('unknown enum values are kept', () => {
    expect(metapb.Store.decode(metapb.Store.encode({ state: 77 })).state).toBe(77);
  });

  test('an error names the code, the field and its cause', () => {
    const error = (() => {
      try {
        return metapb.Peer.decode(new Uint8Array([8]));
      } catch (thrown) {
        return thrown as ProtoError;
      }
    })() as ProtoError;
    expect(error).toMatchObject({
      name: 'ProtoError',
      code: 'INVALID_ARGUMENT',
      field: 'metapb.Peer',
    });
    expect(error.cause).toBeInstanceOf(RangeError);
  });
});

describe('encoding', () => {
  test('takes what it decodes to', () => {
    const message = kvrpcpb.ScanResponse.decode(
      kvrpcpb.ScanResponse.encode({ pairs: [{ key: new Uint8Array([1]) }, {}] }),
    );
    expect(kvrpcpb.ScanResponse.decode(kvrpcpb.ScanResponse.encode(message))).toEqual(message);
  });

  test('a message that is present and empty is not the same as an absent one', () => {
    const present = kvrpcpb.GetResponse.decode(kvrpcpb.GetResponse.encode({ error: {} }));
    expect(present.error).toEqual(kvrpcpb.KeyError.create());
    expect(kvrpcpb.GetResponse.decode(kvrpcpb.GetResponse.encode({})).error).toBeUndefined();
  });

  test('a failed encoding leaves nothing behind', () => {
    const message = { context: { regionId: 1, peer: { id: 2 } }, version: 3n };
    const bytes = kvrpcpb.GetRequest.encode(message);
    expect(() => kvrpcpb.GetRequest.encode({ context: { peer: { storeId: -1 } } })).toThrow(
      'metapb.Peer.store_id: -1 is not an integer from 0 to 9007199254740991',
    );
    expect(kvrpcpb.GetRequest.encode(message)).toEqual(bytes);
  });

  test('the result is a plain Uint8Array that owns its bytes', () => {
    for (const length of [10, 100_000, 4_000_000]) {
      const value = new Uint8Array(length).fill(7);
      const bytes = kvrpcpb.RawPutRequest.encode({ value });
      kvrpcpb.RawPutRequest.encode({ value: value.fill(0) });
      expect(Buffer.isBuffer(bytes)).toBe(false);
      expect(kvrpcpb.RawPutRequest.decode(bytes).value.every((byte) => byte === 7)).toBe(true);
    }
  });
});
