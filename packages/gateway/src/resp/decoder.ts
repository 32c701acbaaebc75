import { copyBytes, EMPTY_BYTES, limits } from '@tinykv/base';
import { parseDecimal } from './decimal.js';
import { splitInline } from './inline.js';
import { argumentMemory, type Request } from './request.js';

const CR = 0x0d;
const LF = 0x0a;
const ASTERISK = 0x2a;
const DOLLAR = 0x24;

/** Pieces of one bulk are joined up to this size. */
const BULK_CHUNK_JOIN_BYTES = 65_536;

type State =
  | { readonly at: 'start' }
  | { readonly at: 'inline' }
  | { readonly at: 'count' }
  | { readonly at: 'length' }
  | { readonly at: 'bulk' };

const START: State = { at: 'start' };
const INLINE: State = { at: 'inline' };
const COUNT: State = { at: 'count' };
const LENGTH: State = { at: 'length' };
const BULK: State = { at: 'bulk' };

export interface DecoderLimits {
  readonly bulkBytesMax: number;
  readonly argumentsMax: number;
  readonly queryBytesMax: number;
}

/**
 * Takes the chunks of one connection and gives whole requests: RESP arrays of bulk strings and inline
 * lines. However the bytes are cut into chunks, the requests and the error are the same, but for inline requests over 64 KiB:
 * they are taken when their end comes with what is over, as in Redis. Memory follows the bytes that came, never a length
 * that was declared. After an error nothing more is decoded.
 */
export class RespDecoder {
  readonly #limits: DecoderLimits;
  #state: State = START;
  /** The part of a line that came with earlier chunks. */
  #line: Uint8Array = EMPTY_BYTES;
  #args: Uint8Array[] = [];
  /** Elements of the current array that are still to come. */
  #missing = 0;
  /** Bytes of the current bulk, without its line end. */
  #bulkLength = 0;
  /** Pieces of a bulk that spans chunks, line end included. */
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  /** Memory of `#args`. */
  #argumentBytes = 0;
  #error: string | undefined;

  constructor(
    decoderLimits: DecoderLimits = {
      bulkBytesMax: limits.gatewayBulkBytesMax,
      argumentsMax: limits.gatewayArgumentsMax,
      queryBytesMax: limits.gatewayQueryBytesMax,
    },
  ) {
    this.#limits = decoderLimits;
  }

  /** Memory held for a request that is not complete. */
  get bufferedBytes(): number {
    return this.unparsedBytes + this.#argumentBytes;
  }

  /** Bytes that came and are part of no argument yet. */
  get unparsedBytes(): number {
    return this.#line.length + this.#pieceBytes;
  }

  /** The protocol error that ended decoding, without its `ERR ` code. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Appends the requests that `chunk` completes to `out`. */
  decode(chunk: Uint8Array, out: Request[]): void {
    let at = 0;
    while (at < chunk.length && this.#error === undefined) {
      switch (this.#state.at) {
        case 'start':
          this.#state = chunk[at] === ASTERISK ? COUNT : INLINE;
          break;
        case 'inline':
          at = this.#readInline(chunk, at, out);
          break;
        case 'count':
          at = this.#readCount(chunk, at);
          break;
        case 'length':
          at = this.#readLength(chunk, at);
          break;
        case 'bulk':
          at = this.#readBulk(chunk, at, out);
          break;
      }
      if (this.bufferedBytes > this.#limits.queryBytesMax) {
        this.#fail('Protocol error: too big request');
      }
    }
  }

  #fail(message: string): void {
    this.#error = message;
    this.#line = EMPTY_BYTES;
    this.#args = [];
    this.#pieces = [];
    this.#pieceBytes = 0;
    this.#argumentBytes = 0;
  }

  #readInline(chunk: Uint8Array, at: number, out: Request[]): number {
    const end = chunk.indexOf(LF, at);
    if (end < 0) {
      this.#line = join(this.#line, copyBytes(chunk.subarray(at)));
      if (this.#line.length > limits.gatewayInlineBytesMax) {
        this.#fail('Protocol error: too big inline request');
      }
      return chunk.length;
    }
    let line = join(this.#line, chunk.subarray(at, end));
    this.#line = EMPTY_BYTES;
    if (line[line.length - 1] === CR) line = line.subarray(0, line.length - 1);
    const args = splitInline(line);
    if (args === undefined) {
      this.#fail('Protocol error: unbalanced quotes in request');
      return chunk.length;
    }
    this.#state = START;
    if (args.length > 0) out.push(args);
    return end + 1;
  }

  #readCount(chunk: Uint8Array, at: number): number {
    const next = this.#readLine(chunk, at, 'Protocol error: too big mbulk count string');
    if (next === undefined) return chunk.length;
    const count = parseDecimal(this.#line, 1, this.#line.length - 2);
    this.#line = EMPTY_BYTES;
    if (count === undefined || count > this.#limits.argumentsMax) {
      this.#fail('Protocol error: invalid multibulk length');
      return chunk.length;
    }
    this.#missing = Math.max(0, count);
    this.#state = count > 0 ? LENGTH : START;
    return next;
  }

  #readLength(chunk: Uint8Array, at: number): number {
    const next = this.#readLine(chunk, at, 'Protocol error: too big bulk count string');
    if (next === undefined) return chunk.length;
    const mark = this.#line[0]!;
    const length = parseDecimal(this.#line, 1, this.#line.length - 2);
    this.#line = EMPTY_BYTES;
    if (mark !== DOLLAR) {
      this.#fail(`Protocol error: expected '$', got '${String.fromCharCode(mark)}'`);
      return chunk.length;
    }
    if (length === undefined || length < 0 || length > this.#limits.bulkBytesMax) {
      this.#fail('Protocol error: invalid bulk length');
      return chunk.length;
    }
    this.#bulkLength = length;
    this.#state = BULK;
    return next;
  }

  /**
   * Completes `#line` with bytes of the chunk, up to and with the byte after the first CR (which is
   * not looked at, as in Redis). Undefined while the line is not whole, or when it is too long.
   */
  #readLine(chunk: Uint8Array, at: number, tooBig: string): number | undefined {
    const held = this.#line.length;
    const heldCr = held > 0 && this.#line[held - 1] === CR;
    const cr = heldCr ? at - 1 : chunk.indexOf(CR, at);
    const end = cr < 0 && !heldCr ? chunk.length : Math.min(chunk.length, cr + 2);
    const complete = (cr >= 0 || heldCr) && cr + 2 <= chunk.length;
    if (held + end - at > limits.gatewayInlineBytesMax) {
      this.#fail(tooBig);
      return undefined;
    }
    const part = chunk.subarray(at, end);
    this.#line = complete && held === 0 ? part : join(this.#line, copyBytes(part));
    return complete ? end : undefined;
  }

  #readBulk(chunk: Uint8Array, at: number, out: Request[]): number {
    const wanted = this.#bulkLength + 2 - this.#pieceBytes;
    const available = chunk.length - at;
    if (available < wanted) {
      this.#addPiece(copyBytes(chunk.subarray(at)));
      return chunk.length;
    }
    const end = at + wanted;
    if (this.#bulkLength === 0) {
      this.#pieces = [];
      this.#pieceBytes = 0;
      this.#addArgument(EMPTY_BYTES, out);
    } else if (this.#pieces.length === 0) {
      this.#addArgument(copyBytes(chunk.subarray(at, end - 2)), out);
    } else {
      this.#pieces.push(chunk.subarray(at, end));
      const bulk = joinPieces(this.#pieces, this.#bulkLength);
      this.#pieces = [];
      this.#pieceBytes = 0;
      this.#addArgument(bulk, out);
    }
    return end;
  }

  /** Small pieces are joined at once, so that a bulk that comes byte by byte stays a few pieces. */
  #addPiece(piece: Uint8Array): void {
    const last = this.#pieces[this.#pieces.length - 1];
    if (last !== undefined && last.length + piece.length <= BULK_CHUNK_JOIN_BYTES) {
      this.#pieces[this.#pieces.length - 1] = join(last, piece);
    } else {
      this.#pieces.push(piece);
    }
    this.#pieceBytes += piece.length;
  }

  #addArgument(argument: Uint8Array, out: Request[]): void {
    this.#args.push(argument);
    this.#argumentBytes += argumentMemory(argument);
    this.#missing--;
    if (this.#missing > 0) {
      this.#state = LENGTH;
      return;
    }
    out.push(this.#args);
    this.#args = [];
    this.#argumentBytes = 0;
    this.#state = START;
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

/** The first `length` bytes of the pieces in one array. */
function joinPieces(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const out = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    const part = piece.subarray(0, Math.min(piece.length, length - at));
    out.set(part, at);
    at += part.length;
  }
  return out;
}
