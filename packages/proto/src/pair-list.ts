import { assert, InvariantError } from '@tinykv/base';
import type { Reader } from 'protobufjs/minimal.js';
import { type Init, type MessageCodec, messageCodec } from './codec.js';
import type * as errorpb from './gen/errorpb.js';
import { KeyError, KvPair, RawScanResponse, ScanResponse } from './gen/kvrpcpb.js';
import { TinyKv } from './gen/tinykvpb.js';
import type { UnaryMethod } from './method.js';
import { readEnd, skipUnknown } from './wire.js';

/*
 * The pairs of the answers to KvScan and RawScan, which are too many for an object each: a store writes them as bytes while it
 * finds them, a client makes of them what its caller gets and nothing between.
 */

// Tags of length-delimited fields: of the pairs in their answers, and within KvPair.
const PAIR_ERROR = 10;
const PAIR_KEY = 18;
const PAIR_VALUE = 26;
const SCAN_PAIRS = 18;
const RAW_PAIRS = 26;

const FIRST_BYTES = 4_096;
/** Around the key and the value of a pair: three tags and three lengths. */
const FRAME_BYTES = 18;
/** Below it a loop copies faster than a view of the source is made. */
const LOOP_BYTES = 160;

/** Writes an answer to a scan pair by pair. */
export class PairListWriter {
  readonly #tag: number;
  readonly #rest: (hasMore: boolean) => Uint8Array;
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;

  private constructor(tag: number, rest: (hasMore: boolean) => Uint8Array) {
    this.#tag = tag;
    this.#rest = rest;
  }

  static ofScan(): PairListWriter {
    return new PairListWriter(SCAN_PAIRS, (hasMore) => ScanResponse.encode({ hasMore }));
  }

  static ofRawScan(): PairListWriter {
    return new PairListWriter(RAW_PAIRS, (hasMore) => RawScanResponse.encode({ hasMore }));
  }

  /** Copies the first `keyLength` bytes of `key`, and `bytes` from `from` to before `to`. */
  pair(key: Uint8Array, keyLength: number, bytes: Uint8Array, from: number, to: number): void {
    const valueLength = to - from;
    assert(keyLength <= key.length && valueLength >= 0 && to <= bytes.length, 'a pair of no bytes');
    this.#reserve(FRAME_BYTES + keyLength + valueLength);
    const inner = fieldLength(keyLength) + fieldLength(valueLength);
    this.#bytes[this.#length++] = this.#tag;
    this.#varint(inner);
    if (keyLength > 0) this.#field(PAIR_KEY, key, 0, keyLength);
    if (valueLength > 0) this.#field(PAIR_VALUE, bytes, from, to);
  }

  /** A key that has an error in the place of its value. */
  error(key: Uint8Array, error: Init<KeyError>): void {
    const pair = KvPair.encode({ key, error });
    this.#reserve(FRAME_BYTES + pair.length);
    this.#field(this.#tag, pair, 0, pair.length);
  }

  /** The answer. `hasMore`: it ended at the bytes that were asked for. */
  finish(hasMore: boolean): Uint8Array {
    const rest = this.#rest(hasMore);
    this.#reserve(rest.length);
    this.#bytes.set(rest, this.#length);
    this.#length += rest.length;
    // No more memory is held than the answer is counted for.
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  #field(tag: number, bytes: Uint8Array, from: number, to: number): void {
    const out = this.#bytes;
    out[this.#length++] = tag;
    this.#varint(to - from);
    let at = this.#length;
    if (to - from > LOOP_BYTES) out.set(bytes.subarray(from, to), at);
    else for (let i = from; i < to; i++) out[at++] = bytes[i]!;
    this.#length += to - from;
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#length++] = rest;
  }
}

/** The size of a field of so many bytes; one without bytes is left out. */
function fieldLength(length: number): number {
  if (length === 0) return 0;
  let bytes = 2 + length;
  for (let rest = length >>> 7; rest > 0; rest >>>= 7) bytes += 1;
  return bytes;
}

/** A pair with bytes of its own: it keeps no more of an answer alive than itself. */
export interface OwnPair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** The part of an answer to a scan beside its pairs. */
interface ScanRest {
  regionError: errorpb.Error | undefined;
  hasMore: boolean;
}

/** The answer to a scan as its client reads it. */
export class PairPage<S extends ScanRest> {
  /** All but the pairs. */
  readonly rest: S;
  /** Those without an error, in the order of the answer. */
  readonly pairs: OwnPair[] = [];
  /** The bytes of the other pairs. */
  readonly keyErrors: KeyError[] = [];
  /** The key of the last pair of either kind. */
  last: Uint8Array | undefined;

  constructor(rest: S) {
    this.rest = rest;
  }

  get regionError(): errorpb.Error | undefined {
    return this.rest.regionError;
  }

  /** Pairs of both kinds. */
  get count(): number {
    return this.pairs.length + this.keyErrors.length;
  }
}

/** KvScan and RawScan, with answers as their client reads them. */
export const scanPages: {
  readonly kvScan: UnaryMethod<ScanRequestOf<'kvScan'>, PairPage<ScanResponse>>;
  readonly rawScan: UnaryMethod<ScanRequestOf<'rawScan'>, PairPage<RawScanResponse>>;
} = {
  kvScan: { ...TinyKv.kvScan, response: pageCodec(ScanResponse, SCAN_PAIRS) },
  rawScan: { ...TinyKv.rawScan, response: pageCodec(RawScanResponse, RAW_PAIRS) },
};

type ScanRequestOf<N extends 'kvScan' | 'rawScan'> =
  (typeof TinyKv)[N] extends UnaryMethod<infer Q, unknown> ? Q : never;

function pageCodec<S extends ScanRest>(
  whole: MessageCodec<S>,
  pairsTag: number,
): MessageCodec<PairPage<S>> {
  const { name, fields } = whole;
  return messageCodec<PairPage<S>>({
    name,
    fields,
    create: () => new PairPage(whole.create()),
    encodeTo: () => {
      throw new InvariantError(`${name} is written by its store alone`);
    },
    mergeFrom(page, reader, end, depth) {
      while (reader.pos < end) {
        const start = reader.pos;
        const tag = reader.tag();
        if (tag === pairsTag) readPair(page, reader, readEnd(reader, end, name), depth + 1);
        else {
          reader.skipType(tag & 7, depth, tag >>> 3);
          const fieldEnd = reader.pos;
          reader.pos = start;
          whole.mergeFrom(page.rest, reader, fieldEnd, depth);
        }
      }
      return page;
    },
  });
}

const NO_BYTES = new Uint8Array(0);

function readPair<S extends ScanRest>(
  page: PairPage<S>,
  reader: Reader,
  end: number,
  depth: number,
): void {
  let key = NO_BYTES;
  let value = NO_BYTES;
  let error: KeyError | undefined;
  while (reader.pos < end) {
    const tag = reader.tag();
    if (tag === PAIR_KEY) key = readOwn(reader, end);
    else if (tag === PAIR_VALUE) value = readOwn(reader, end);
    else if (tag === PAIR_ERROR) {
      const errorEnd = readEnd(reader, end, 'kvrpcpb.KvPair.error');
      error = KeyError.mergeFrom(error ?? KeyError.create(), reader, errorEnd, depth + 1);
    } else skipUnknown(reader, tag, depth, KvPair);
  }
  if (error === undefined) page.pairs.push({ key, value });
  else page.keyErrors.push(error);
  page.last = key;
}

function readOwn(reader: Reader, end: number): Uint8Array<ArrayBuffer> {
  const to = readEnd(reader, end, 'kvrpcpb.KvPair');
  const bytes = reader.buf.slice(reader.pos, to) as Uint8Array<ArrayBuffer>;
  reader.pos = to;
  return bytes;
}
