import { Reader, Writer } from 'protobufjs/minimal.js';
import { ProtoError } from './proto-error.js';

type InitField<V> = V extends Uint8Array | number | bigint | string | boolean | undefined
  ? V
  : V extends readonly (infer U)[]
    ? readonly InitField<U>[]
    : Init<V>;

/** What a message is made from: every field may be left out, at every depth. */
export type Init<T> = { readonly [K in keyof T]?: InitField<T[K]> | undefined };

/**
 * Encoder and decoder of one message type.
 *
 * Decoded `bytes` are views into the decoded buffer: copy what outlives it. They are plain
 * `Uint8Array`s even when the buffer is a node `Buffer`, whose `slice` shares memory.
 */
export interface MessageCodec<T> {
  /** `kvrpcpb.GetRequest`. */
  readonly name: string;
  /** Names of the fields by their numbers. */
  readonly fields: ReadonlyMap<number, string>;
  /** A message with proto3 defaults in all fields that `init` leaves out. */
  create(init?: Init<T>): T;
  /** Throws {@link ProtoError} for a number that the field's type cannot carry. */
  encode(message: Init<T>): Uint8Array;
  encodeTo(message: Init<T>, writer: Writer): void;
  /** Throws {@link ProtoError} and nothing else, whatever the bytes are. */
  decode(bytes: Uint8Array): T;
  /**
   * Reads fields up to offset `end` into `message` and returns it, as proto3 asks when a message field
   * occurs twice. For generated code: errors of the reader come out as they are.
   */
  mergeFrom(message: T, reader: Reader, end: number, depth: number): T;
}

/** The part of a codec that depends on the message type; {@link messageCodec} adds the rest. */
export interface MessageFields<T> {
  readonly name: string;
  readonly fields: ReadonlyMap<number, string>;
  create(init?: Init<T>): T;
  encodeTo(message: Init<T>, writer: Writer): void;
  mergeFrom(message: T, reader: Reader, end: number, depth: number): T;
}

/** Above this the buffer is not kept, lest one large message hold its memory for ever. */
const SCRATCH_BYTES_MAX = 1_048_576;

/**
 * Encoding is synchronous and copies its result out, so all messages are written through one buffer:
 * to grow a new one for each costs more than the encoding. Nothing is carried from call to call.
 */
let scratch = new Writer();

function scratchWriter(): Writer {
  if (scratch.buf.length > SCRATCH_BYTES_MAX) scratch = new Writer();
  scratch.pos = 0;
  scratch.states = null; // Not empty when the last encoding threw inside a nested message.
  return scratch;
}

export function messageCodec<T>(fields: MessageFields<T>): MessageCodec<T> {
  return {
    ...fields,
    encode(message: Init<T>): Uint8Array {
      const writer = scratchWriter();
      fields.encodeTo(message, writer);
      return writer.finish();
    },
    decode(bytes: Uint8Array): T {
      // A plain Uint8Array over the same memory, whatever subclass `bytes` is.
      const reader = new Reader(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      try {
        return fields.mergeFrom(fields.create(), reader, reader.len, 0);
      } catch (error) {
        throw asProtoError(error, fields.name, reader.pos);
      }
    },
  };
}

/** The reader reports bad bytes as `RangeError` or bare `Error`; a subclass of those is a bug of ours. */
function asProtoError(error: unknown, message: string, offset: number): unknown {
  if (!(error instanceof Error) || error instanceof ProtoError) return error;
  const isOfReader =
    error instanceof RangeError || error.constructor === Error || isUtf8Error(error);
  if (!isOfReader) return error;
  return new ProtoError(message, `${error.message} at offset ${offset}`, { cause: error });
}

/** `TextDecoder` reports bytes that are not UTF-8 as a `TypeError` with this code. */
function isUtf8Error(error: Error): boolean {
  return 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA';
}
