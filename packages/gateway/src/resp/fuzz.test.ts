import { concatBytes, utf8 } from '@tinykv/base';
import { badBytes, cutInto, runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RespDecoder } from './decoder.js';
import { formatDouble, ReplyEncoder } from './encoder.js';
import type { Request } from './request.js';
import { array, bulk, error, integer, NULL, NULL_ARRAY, type Reply, simple } from './types.js';

/** The shortest argument with memory of its own, `$1\r\nx\r\n`, is counted with 241 bytes. */
const COST_PER_BYTE_MAX = 35;

interface Decoded {
  readonly requests: readonly string[][];
  readonly error: string | undefined;
}

/** Decodes the chunks; what is held never exceeds what came. */
function decode(chunks: readonly Uint8Array[]): Decoded {
  const decoder = new RespDecoder();
  const out: Request[] = [];
  let received = 0;
  for (const chunk of chunks) {
    // The socket's buffer is used again: nothing of it may be kept.
    const reused = new Uint8Array(chunk);
    decoder.decode(reused, out);
    if (decoder.error === undefined) reused.fill(0xee);
    received += chunk.length;
    const heldMax = decoder.error === undefined ? COST_PER_BYTE_MAX * received : 0;
    if (decoder.bufferedBytes > heldMax) {
      throw new Error(`${decoder.bufferedBytes} bytes held of ${received}`);
    }
  }
  return { requests: out.map((argv) => argv.map(latin1)), error: decoder.error };
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const fromLatin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const byteByByte = (bytes: Uint8Array): Uint8Array[] => [...bytes].map((b) => Uint8Array.of(b));

const argument = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.constantFrom('GET', '*1\r\n', '$-1\r\n', '\r\n', '').map(fromLatin1),
);
const argv = fc.array(argument, { minLength: 1, maxLength: 5 });

function encodeArray(args: readonly Uint8Array[]): Uint8Array {
  const parts = args.flatMap((arg) => [utf8(`$${arg.length}\r\n`), arg, utf8('\r\n')]);
  return concatBytes(utf8(`*${args.length}\r\n`), ...parts);
}

/** An argument of an inline request in one of the three ways to write it. */
function quote(arg: Uint8Array, style: number): string {
  const text = latin1(arg);
  const plain = /^[!#-&(-[\]-~\x80-\xff]+$/.test(text) && !text.startsWith('*');
  if (style === 0 && plain) return text;
  if (style === 1 && !/[\n\\']/.test(text)) return `'${text}'`;
  const hex = (c: string): string => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return `"${text.replace(/[^ -~]|["\\]/g, hex)}"`;
}

const inline = fc
  .array(fc.tuple(argument, fc.nat(2), fc.constantFrom(' ', '\t', '   ')), {
    minLength: 1,
    maxLength: 4,
  })
  .map((args) => ({
    args: args.map(([arg]) => arg),
    bytes: fromLatin1(`${args.map(([arg, style, gap]) => quote(arg, style) + gap).join('')}\r\n`),
  }));
const request = fc.oneof(
  { weight: 3, arbitrary: argv.map((args) => ({ args, bytes: encodeArray(args) })) },
  { weight: 1, arbitrary: inline },
);
const pipeline = fc.array(request, { minLength: 1, maxLength: 6 });
const cuts = fc.array(fc.nat(), { maxLength: 12 });

describe('requests', () => {
  it('come out as they were sent, arrays and lines, however they are cut', () => {
    fc.assert(
      fc.property(pipeline, cuts, (requests, where) => {
        const stream = concatBytes(...requests.map((r) => r.bytes));
        const expected = { requests: requests.map((r) => r.args.map(latin1)), error: undefined };
        expect(decode([stream])).toEqual(expected);
        expect(decode(cutInto(stream, where))).toEqual(expected);
        expect(decode(byteByByte(stream))).toEqual(expected);
      }),
      runs(200),
    );
  });

  it('that are damaged or noise end in a protocol error or in requests, cut or not', () => {
    const stream = pipeline.map((requests) => concatBytes(...requests.map((r) => r.bytes)));
    let errors = 0;
    fc.assert(
      fc.property(badBytes(stream), cuts, (bad, where) => {
        const whole = decode([bad]);
        expect(decode(cutInto(bad, where))).toEqual(whole);
        expect(decode(byteByByte(bad))).toEqual(whole);
        if (whole.error === undefined) return;
        errors += 1;
        expect(whole.error).toMatch(/^Protocol error: /);
        // The connection is lost: what follows is not looked at.
        expect(decode([bad, encodeArray([utf8('PING')])])).toEqual(whole);
      }),
      runs(400),
    );
    expect(errors).toBeGreaterThan(50);
  });
});

const text = fc
  .array(fc.integer({ min: 0x20, max: 0xff }), { maxLength: 10 })
  .map((codes) => String.fromCharCode(...codes));
const scalar: fc.Arbitrary<Reply> = fc.oneof(
  text.map(simple),
  fc.string({ maxLength: 10 }).map((s) => error(`ERR ${latin1(utf8(s))}`)),
  fc.oneof(fc.integer(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map(integer),
  fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(fromLatin1('$1\r\n'))).map(bulk),
  fc.constantFrom(NULL, NULL_ARRAY),
  fc.double({ noNaN: true }).map((value): Reply => ({ type: 'double', value })),
  text.map((t): Reply => ({ type: 'verbatim', text: t })),
);
const { reply } = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.array(tie('reply'), { maxLength: 3 }).map(array),
    fc.array(tie('reply'), { maxLength: 3 }).map((items): Reply => ({ type: 'set', items })),
    fc
      .array(fc.tuple(tie('reply'), tie('reply')), { maxLength: 2 })
      .map((entries): Reply => ({ type: 'map', entries })),
  ),
}));

/** What a client makes of a reply: its type on the wire and its text or items. */
type Seen = readonly [mark: string, text: string | null | readonly Seen[]];

function seenOf(r: Reply, protocol: 2 | 3): Seen {
  const all = (items: readonly Reply[]): Seen[] => items.map((item) => seenOf(item, protocol));
  switch (r.type) {
    case 'simple':
      return ['+', r.text];
    case 'error':
      return ['-', r.text];
    case 'integer':
      return [':', String(r.value)];
    case 'bulk':
      return ['$', latin1(r.bytes)];
    case 'null':
      return protocol === 3 ? ['_', ''] : ['$', null];
    case 'null-array':
      return protocol === 3 ? ['_', ''] : ['*', null];
    case 'array':
      return ['*', all(r.items)];
    case 'set':
      return [protocol === 3 ? '~' : '*', all(r.items)];
    case 'map':
      return [protocol === 3 ? '%' : '*', all(r.entries.flat())];
    case 'double':
      return [protocol === 3 ? ',' : '$', formatDouble(r.value)];
    case 'verbatim':
      return protocol === 3 ? ['=', `txt:${r.text}`] : ['$', r.text];
    case 'in-version':
    case 'raw':
      throw new Error('not generated');
  }
}

/** Reads replies as a client does that takes nothing but what the protocol says. */
class StrictReader {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  next(): Seen {
    const mark = this.#text[this.#at]!;
    const line = this.#line();
    if ('+-:_,'.includes(mark)) return [mark, line];
    expect(line).toMatch(/^(0|[1-9]\d*|-1)$/);
    const count = Number(line);
    if (count === -1) return [mark, null];
    if ('$='.includes(mark)) return [mark, this.#take(count)];
    expect('*~%').toContain(mark);
    const items = mark === '%' ? 2 * count : count;
    return [mark, Array.from({ length: items }, () => this.next())];
  }

  #line(): string {
    const end = this.#text.indexOf('\r\n', this.#at);
    expect(end).toBeGreaterThan(0);
    const line = this.#text.slice(this.#at + 1, end);
    this.#at = end + 2;
    return line;
  }

  #take(count: number): string {
    const end = this.#at + count;
    expect(this.#text.slice(end, end + 2)).toBe('\r\n');
    const taken = this.#text.slice(this.#at, end);
    this.#at = end + 2;
    return taken;
  }
}

describe('replies', () => {
  it.each([2, 3] as const)('are read back by a strict client in RESP%i', (protocol) => {
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 5 }), (replies) => {
        const encoder = new ReplyEncoder();
        for (const each of replies) encoder.write(each, protocol);
        const reader = new StrictReader(latin1(encoder.take()));
        for (const each of replies) expect(reader.next()).toEqual(seenOf(each, protocol));
        expect(reader.isAtEnd).toBe(true);
      }),
      runs(200),
    );
  });

  it('say a double so that it is the same number again', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        const said = formatDouble(value).replace('inf', 'Infinity');
        expect(Object.is(Number(said), value)).toBe(true);
      }),
      runs(500),
    );
  });
});
