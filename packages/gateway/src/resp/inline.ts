const SPACE = 0x20;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const BACKSLASH = 0x5c;

const ESCAPES: ReadonlyMap<number, number> = new Map([
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x62, 0x08],
  [0x61, 0x07],
]);

/**
 * Splits an inline request into its arguments: separated by white space, `"…"` with `\n \r \t \b \a \xHH`
 * and `\` before any other byte, `'…'` with `\'`. Undefined when quotes are unbalanced or a closing quote
 * is not followed by white space.
 */
export function splitInline(line: Uint8Array): Uint8Array[] | undefined {
  const args: Uint8Array[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isSpace(line[at]!)) at++;
    if (at === line.length) return args;
    const out: number[] = [];
    const end = readArgument(line, at, out);
    if (end === undefined) return undefined;
    args.push(Uint8Array.from(out));
    at = end;
  }
}

/** Reads one argument from `at` into `out`; returns where it ended. */
function readArgument(line: Uint8Array, at: number, out: number[]): number | undefined {
  let i = at;
  while (i < line.length) {
    const byte = line[i]!;
    if (isSpace(byte)) return i;
    if (byte === QUOTE || byte === APOSTROPHE) {
      const end = byte === QUOTE ? readQuoted(line, i + 1, out) : readLiteral(line, i + 1, out);
      if (end === undefined || (end < line.length && !isSpace(line[end]!))) return undefined;
      return end;
    }
    out.push(byte);
    i++;
  }
  return i;
}

function readQuoted(line: Uint8Array, at: number, out: number[]): number | undefined {
  for (let i = at; i < line.length; i++) {
    const byte = line[i]!;
    if (byte === QUOTE) return i + 1;
    if (byte !== BACKSLASH || i + 1 === line.length) {
      out.push(byte);
      continue;
    }
    const hex = line[i + 1] === 0x78 ? hexByte(line, i + 2) : undefined;
    if (hex !== undefined) {
      out.push(hex);
      i += 3;
    } else {
      out.push(ESCAPES.get(line[i + 1]!) ?? line[i + 1]!);
      i += 1;
    }
  }
  return undefined;
}

function readLiteral(line: Uint8Array, at: number, out: number[]): number | undefined {
  for (let i = at; i < line.length; i++) {
    const byte = line[i]!;
    if (byte === APOSTROPHE) return i + 1;
    if (byte === BACKSLASH && line[i + 1] === APOSTROPHE) {
      out.push(APOSTROPHE);
      i += 1;
    } else {
      out.push(byte);
    }
  }
  return undefined;
}

function hexByte(line: Uint8Array, at: number): number | undefined {
  if (at + 1 >= line.length) return undefined;
  const high = hexDigit(line[at]!);
  const low = hexDigit(line[at + 1]!);
  return high < 0 || low < 0 ? undefined : high * 16 + low;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= 0x09 && byte <= 0x0d);
}
