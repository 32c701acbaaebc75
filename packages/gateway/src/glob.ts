type Token =
  | { readonly type: 'byte'; readonly byte: number }
  | { readonly type: 'any' }
  | { readonly type: 'class'; readonly members: Uint8Array }
  | { readonly type: 'star' };

const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;
const BACKSLASH = 0x5c;

/**
 * A glob of KEYS, SCAN and CONFIG GET: `*`, `?`, `[a-z]`, `[^a]`, `\` before a literal. Matching takes at
 * most pattern × subject steps: only the last star is ever tried again.
 */
export class Glob {
  readonly #tokens: readonly Token[];

  constructor(pattern: Uint8Array) {
    this.#tokens = parse(pattern);
  }

  matches(subject: Uint8Array): boolean {
    const tokens = this.#tokens;
    let token = 0;
    let at = 0;
    let star = -1;
    let starAt = 0;
    while (at < subject.length) {
      const current = tokens[token];
      if (current?.type === 'star') {
        star = token++;
        starAt = at;
      } else if (current !== undefined && accepts(current, subject[at]!)) {
        token++;
        at++;
      } else if (star >= 0) {
        token = star + 1;
        at = ++starAt;
      } else {
        return false;
      }
    }
    while (tokens[token]?.type === 'star') token++;
    return token === tokens.length;
  }
}

function accepts(token: Token, byte: number): boolean {
  if (token.type === 'byte') return token.byte === byte;
  if (token.type === 'class') return token.members[byte] === 1;
  return token.type === 'any';
}

function parse(pattern: Uint8Array): Token[] {
  const tokens: Token[] = [];
  let i = 0;
  while (i < pattern.length) {
    const byte = pattern[i]!;
    if (byte === STAR) {
      if (tokens[tokens.length - 1]?.type !== 'star') tokens.push({ type: 'star' });
      i++;
    } else if (byte === QUESTION) {
      tokens.push({ type: 'any' });
      i++;
    } else if (byte === OPEN) {
      i = parseClass(pattern, i + 1, tokens);
    } else {
      if (byte === BACKSLASH && i + 1 < pattern.length) i++;
      tokens.push({ type: 'byte', byte: pattern[i]! });
      i++;
    }
  }
  return tokens;
}

/** Reads a class from behind its `[`; one that is not closed ends with the pattern. */
function parseClass(pattern: Uint8Array, from: number, tokens: Token[]): number {
  const members = new Uint8Array(256);
  let i = from;
  const negated = pattern[i] === CARET;
  if (negated) i++;
  for (; i < pattern.length && pattern[i] !== CLOSE; i++) {
    if (pattern[i] === BACKSLASH && i + 1 < pattern.length) {
      i++;
      members[pattern[i]!] = 1;
    } else if (pattern[i + 1] === DASH && i + 2 < pattern.length) {
      const low = Math.min(pattern[i]!, pattern[i + 2]!);
      const high = Math.max(pattern[i]!, pattern[i + 2]!);
      members.fill(1, low, high + 1);
      i += 2;
    } else {
      members[pattern[i]!] = 1;
    }
  }
  if (negated) for (let byte = 0; byte < 256; byte++) members[byte] = members[byte] ? 0 : 1;
  tokens.push({ type: 'class', members });
  return i + 1;
}
