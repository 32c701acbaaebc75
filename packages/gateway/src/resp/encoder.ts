import { assertNever } from '@tinykv/base';
import type { ProtocolVersion, Reply } from './types.js';

const CR = 0x0d;
const LF = 0x0a;
const DOLLAR = 0x24;
const COLON = 0x3a;

/**
 * Gathers the replies of one turn into one buffer, which is handed to the socket whole. `take` gives the
 * buffer away, for the socket may hold on to it: the next turn begins with another.
 */
export class ReplyEncoder {
  #buffer: Buffer;
  #length = 0;

  constructor() {
    this.#buffer = EMPTY;
  }

  get length(): number {
    return this.#length;
  }

  /** The bytes written since the last call, as one view that the caller owns. */
  take(): Uint8Array {
    const out = this.#buffer.subarray(0, this.#length);
    this.#buffer = EMPTY;
    this.#length = 0;
    return out;
  }

  write(reply: Reply, protocol: ProtocolVersion): void {
    switch (reply.type) {
      case 'simple':
        this.#line('+', reply.text);
        break;
      case 'error':
        this.#line('-', reply.text);
        break;
      case 'integer':
        this.#header(COLON, reply.value);
        break;
      case 'bulk':
        this.#bulk(reply.bytes);
        break;
      case 'null':
        this.#ascii(protocol === 3 ? '_\r\n' : '$-1\r\n');
        break;
      case 'null-array':
        this.#ascii(protocol === 3 ? '_\r\n' : '*-1\r\n');
        break;
      case 'array':
        this.#aggregate('*', reply.items, protocol);
        break;
      case 'set':
        this.#aggregate(protocol === 3 ? '~' : '*', reply.items, protocol);
        break;
      case 'map':
        this.#map(reply.entries, protocol);
        break;
      case 'double':
        this.#double(reply.value, protocol);
        break;
      case 'verbatim':
        this.#verbatim(reply.text, protocol);
        break;
      case 'in-version':
        this.write(reply.reply, reply.protocol);
        break;
      case 'raw':
        this.#raw(reply.bytes);
        break;
      default:
        assertNever(reply, 'reply');
    }
  }

  #reserve(count: number): number {
    const offset = this.#length;
    const needed = offset + count;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2, 512));
      grown.set(this.#buffer.subarray(0, offset));
      this.#buffer = grown;
    }
    this.#length = needed;
    return offset;
  }

  #ascii(text: string): void {
    const at = this.#reserve(text.length);
    this.#buffer.write(text, at, 'latin1');
  }

  #raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  #line(mark: string, text: string): void {
    this.#ascii(`${mark}${text}\r\n`);
  }

  /** `mark`, a decimal number and the line end, without a string for the small numbers. */
  #header(mark: number, value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value < 10) {
      const at = this.#reserve(4);
      this.#buffer[at] = mark;
      this.#buffer[at + 1] = 0x30 + value;
      this.#buffer[at + 2] = CR;
      this.#buffer[at + 3] = LF;
      return;
    }
    this.#line(String.fromCharCode(mark), String(value));
  }

  #bulk(bytes: Uint8Array): void {
    this.#header(DOLLAR, bytes.length);
    const at = this.#reserve(bytes.length + 2);
    this.#buffer.set(bytes, at);
    this.#buffer[at + bytes.length] = CR;
    this.#buffer[at + bytes.length + 1] = LF;
  }

  #aggregate(mark: string, items: readonly Reply[], protocol: ProtocolVersion): void {
    this.#line(mark, String(items.length));
    for (const item of items) this.write(item, protocol);
  }

  #map(entries: readonly (readonly [Reply, Reply])[], protocol: ProtocolVersion): void {
    if (protocol === 3) this.#line('%', String(entries.length));
    else this.#line('*', String(2 * entries.length));
    for (const [key, value] of entries) {
      this.write(key, protocol);
      this.write(value, protocol);
    }
  }

  #double(value: number, protocol: ProtocolVersion): void {
    const text = formatDouble(value);
    if (protocol === 3) this.#line(',', text);
    else this.#bulk(Buffer.from(text, 'latin1'));
  }

  #verbatim(text: string, protocol: ProtocolVersion): void {
    if (protocol === 3) this.#ascii(`=${text.length + 4}\r\ntxt:${text}\r\n`);
    else this.#ascii(`$${text.length}\r\n${text}\r\n`);
  }
}

const EMPTY = Buffer.alloc(0);

/** C's `%.17g`, as Redis 7.0 prints doubles. */
export function formatDouble(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa, exponentText] = value.toExponential(16).split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 17) {
    const digits = String(Math.abs(exponent)).padStart(2, '0');
    return `${trimZeros(mantissa)}e${exponent < 0 ? '-' : '+'}${digits}`;
  }
  return trimZeros(value.toFixed(16 - exponent));
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
