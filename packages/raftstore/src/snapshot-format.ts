import { ByteReader, ByteWriter, CodecError, crc32, type KvEntry, limits } from '@tinykv/base';
import { type Envelope, readEnvelope, writeEnvelope } from './envelope.js';

/**
 * The form of a snapshot on the wire and in its file: a header (the envelope with MsgSnap), then
 * blocks of key-value pairs, then an end that counts them. Each part carries its length and CRC.
 *
 *   part: length u32 | crc32 u32 | kind u8 | body
 */
export type SnapshotPart =
  | { readonly kind: 'header'; readonly envelope: Envelope }
  | { readonly kind: 'pairs'; readonly pairs: readonly KvEntry[] }
  | { readonly kind: 'end'; readonly pairs: number; readonly crc: number };

const KIND_HEADER = 1;
const KIND_PAIRS = 2;
const KIND_END = 3;
export const PART_PREFIX_BYTES = 8;

export function encodeHeader(envelope: Envelope): Uint8Array {
  return encodePart(KIND_HEADER, (w) => {
    writeEnvelope(w, envelope);
  });
}

export function encodePairs(pairs: readonly KvEntry[]): Uint8Array {
  return encodePart(KIND_PAIRS, (w) => {
    for (const [key, value] of pairs) w.bytes(key).bytes(value);
  });
}

/** `crc` is the CRC-32 over the CRCs of all parts before: a part that is missing shows. */
export function encodeEnd(pairs: number, crc: number): Uint8Array {
  return encodePart(KIND_END, (w) => w.u64(pairs).u32(crc));
}

function encodePart(kind: number, body: (w: ByteWriter) => void): Uint8Array {
  const w = new ByteWriter(limits.snapshotChunkBytes + 1024);
  w.u32(0).u32(0).u8(kind);
  body(w);
  w.patchU32(0, w.length - PART_PREFIX_BYTES);
  w.patchU32(4, crc32(w.finish().subarray(PART_PREFIX_BYTES)));
  return w.finish();
}

/** Length of the part's body that a prefix announces. Throws CodecError when it can't be one. */
export function partLength(prefix: Uint8Array): number {
  const length = new ByteReader(prefix).u32();
  if (length === 0 || length > limits.grpcMessageBytesMax) {
    throw new CodecError(`snapshot part of ${length} bytes`);
  }
  return length;
}

export function partCrc(part: Uint8Array): number {
  return new ByteReader(part.subarray(4)).u32();
}

/** One whole part. Throws CodecError on a bad checksum or form. */
export function decodePart(part: Uint8Array): SnapshotPart {
  const prefix = new ByteReader(part);
  const length = prefix.u32();
  const crc = prefix.u32();
  const body = prefix.rest();
  if (body.length !== length)
    throw new CodecError(`snapshot part of ${body.length}, not ${length}`);
  if (crc32(body) !== crc) throw new CodecError('snapshot part: checksum does not match');
  const r = new ByteReader(body);
  const kind = r.u8();
  switch (kind) {
    case KIND_HEADER: {
      const envelope = readEnvelope(new ByteReader(r.raw(r.u32())));
      r.end();
      return { kind: 'header', envelope };
    }
    case KIND_PAIRS: {
      const pairs: KvEntry[] = [];
      while (r.remaining > 0) pairs.push([r.bytes(), r.bytes()]);
      return { kind: 'pairs', pairs };
    }
    case KIND_END:
      return { kind: 'end', pairs: r.u64(), crc: r.u32() };
    default:
      throw new CodecError(`snapshot part ${kind} is unknown`);
  }
}

/** Follows the parts of a snapshot and says when they are complete. Throws CodecError when they are not. */
export class SnapshotChecker {
  #crc = 0;
  #pairs = 0;
  #ended = false;

  add(part: Uint8Array): SnapshotPart {
    if (this.#ended) throw new CodecError('snapshot goes on after its end');
    const decoded = decodePart(part);
    if (decoded.kind === 'end') {
      if (decoded.pairs !== this.#pairs || decoded.crc !== this.#crc) {
        throw new CodecError(`snapshot of ${this.#pairs} pairs, ${decoded.pairs} announced`);
      }
      this.#ended = true;
    } else {
      if (decoded.kind === 'pairs') this.#pairs += decoded.pairs.length;
      this.#crc = crc32(part.subarray(4, PART_PREFIX_BYTES), this.#crc);
    }
    return decoded;
  }

  get ended(): boolean {
    return this.#ended;
  }
}
