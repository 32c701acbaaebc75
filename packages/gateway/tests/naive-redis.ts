/** Strings as Redis keeps them, in one map; replies as their exact bytes in RESP2, one char each. */

interface Entry {
  value: string;
  /** Undefined: never. */
  expireAtMs: number | undefined;
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

const OK = '+OK\r\n';
const NULL = '$-1\r\n';
const int = (n: number | bigint): string => `:${n}\r\n`;
const bulk = (text: string | undefined): string =>
  text === undefined ? NULL : `$${text.length}\r\n${text}\r\n`;
const list = (items: readonly string[]): string => `*${items.length}\r\n${items.join('')}`;
const NOT_AN_INTEGER = '-ERR value is not an integer or out of range\r\n';
const SYNTAX = '-ERR syntax error\r\n';

export class NaiveRedis {
  readonly #map = new Map<string, Entry>();
  nowMs = 0;

  run(argv: readonly string[]): string {
    const [name = '', ...args] = argv;
    const command = this.#commands[name];
    if (command === undefined) throw new Error(`${name} is not known here`);
    return command(args);
  }

  /** Live keys, in no order. */
  keys(): string[] {
    return [...this.#map.keys()].filter((key) => this.#find(key) !== undefined);
  }

  readonly #commands: Readonly<Record<string, (args: string[]) => string>> = {
    GET: ([key]) => bulk(this.#find(key!)?.value),
    STRLEN: ([key]) => int(this.#find(key!)?.value.length ?? 0),
    MGET: (keys) => list(keys.map((key) => bulk(this.#find(key)?.value))),
    EXISTS: (keys) => int(keys.filter((key) => this.#find(key)).length),
    TYPE: ([key]) => (this.#find(key!) ? '+string\r\n' : '+none\r\n'),
    DEL: (keys) => int(keys.filter((key) => this.#find(key) && this.#map.delete(key)).length),
    SET: (args) => this.#set(args),
    SETNX: ([key, value]) => int(this.#setNew([key!, value!])),
    MSETNX: (pairs) => int(this.#setNew(pairs)),
    MSET: (pairs) => {
      this.#setAll(pairs);
      return OK;
    },
    GETSET: ([key, value]) => this.#answerOld(key!, () => this.#setAll([key!, value!])),
    GETDEL: ([key]) => this.#answerOld(key!, () => this.#map.delete(key!)),
    APPEND: ([key, tail]) => int(this.#change(key!, (value) => value + tail).length),
    SETRANGE: ([key, offset, patch]) => int(this.#setRange(key!, Number(offset), patch!)),
    GETRANGE: ([key, from, to]) => this.#getRange(key!, Number(from), Number(to)),
    INCR: ([key]) => this.#add(key!, 1n),
    DECR: ([key]) => this.#add(key!, -1n),
    INCRBY: ([key, by]) => this.#add(key!, BigInt(by!)),
    DECRBY: ([key, by]) => this.#add(key!, -BigInt(by!)),
    PEXPIRE: ([key, ms, ...words]) => this.#expire(key!, this.nowMs + Number(ms), words),
    EXPIRE: ([key, s, ...words]) => this.#expire(key!, this.nowMs + 1_000 * Number(s), words),
    PERSIST: ([key]) => {
      const entry = this.#find(key!);
      if (entry?.expireAtMs === undefined) return int(0);
      entry.expireAtMs = undefined;
      return int(1);
    },
    PTTL: ([key]) => {
      const entry = this.#find(key!);
      if (entry === undefined) return int(-2);
      return int(entry.expireAtMs === undefined ? -1 : entry.expireAtMs - this.nowMs);
    },
  };

  #find(key: string): Entry | undefined {
    const entry = this.#map.get(key);
    const isGone = entry?.expireAtMs !== undefined && entry.expireAtMs <= this.nowMs;
    if (isGone) this.#map.delete(key);
    return isGone ? undefined : entry;
  }

  /** Writes a value of the old one; keeps the TTL. */
  #change(key: string, change: (value: string) => string): string {
    const old = this.#find(key);
    const value = change(old?.value ?? '');
    this.#map.set(key, { value, expireAtMs: old?.expireAtMs });
    return value;
  }

  #setAll(pairs: readonly string[]): void {
    for (let i = 0; i < pairs.length; i += 2) {
      this.#map.set(pairs[i]!, { value: pairs[i + 1]!, expireAtMs: undefined });
    }
  }

  #setNew(pairs: readonly string[]): 0 | 1 {
    if (pairs.some((key, i) => i % 2 === 0 && this.#find(key))) return 0;
    this.#setAll(pairs);
    return 1;
  }

  #answerOld(key: string, change: () => void): string {
    const old = bulk(this.#find(key)?.value);
    change();
    return old;
  }

  /** `NX` or `XX`, `GET`, then `PX ms` or `KEEPTTL`. */
  #set([key, value, ...options]: readonly string[]): string {
    const old = this.#find(key!);
    if (options.includes('NX') && options.includes('XX')) return SYNTAX;
    const ttl = options.indexOf('PX');
    if (ttl >= 0 && options.includes('KEEPTTL')) return SYNTAX;
    const answer = options.includes('GET') ? bulk(old?.value) : OK;
    if (options.includes(old ? 'NX' : 'XX')) return options.includes('GET') ? answer : NULL;
    const kept = options.includes('KEEPTTL') ? old?.expireAtMs : undefined;
    const expireAtMs = ttl >= 0 ? this.nowMs + Number(options[ttl + 1]) : kept;
    this.#map.set(key!, { value: value!, expireAtMs });
    return answer;
  }

  #setRange(key: string, offset: number, patch: string): number {
    if (patch === '') return this.#find(key)?.value.length ?? 0;
    return this.#change(key, (value) => {
      const before = value.slice(0, offset).padEnd(offset, '\0');
      return before + patch + value.slice(offset + patch.length);
    }).length;
  }

  #getRange(key: string, from: number, to: number): string {
    const value = this.#find(key)?.value ?? '';
    const at = (n: number): number => (n < 0 ? Math.max(0, value.length + n) : n);
    if (from < 0 && to < 0 && from > to) return bulk('');
    return bulk(value.slice(at(from), at(to) + 1));
  }

  #add(key: string, by: bigint): string {
    const value = this.#find(key)?.value ?? '0';
    const isNumber = /^(0|-?[1-9]\d{0,18})$/.test(value);
    const old = isNumber ? BigInt(value) : INT64_MAX + 1n;
    if (old > INT64_MAX || old < INT64_MIN) return NOT_AN_INTEGER;
    const sum = old + by;
    if (sum > INT64_MAX || sum < INT64_MIN) {
      return '-ERR increment or decrement would overflow\r\n';
    }
    this.#change(key, () => String(sum));
    return int(sum);
  }

  #expire(key: string, atMs: number, words: readonly string[]): string {
    const entry = this.#find(key);
    if (entry === undefined) return int(0);
    const old = entry.expireAtMs;
    for (const word of words) {
      if (word === 'NX' && old !== undefined) return int(0);
      if (word === 'XX' && old === undefined) return int(0);
      if (word === 'GT' && (old === undefined || atMs <= old)) return int(0);
      if (word === 'LT' && old !== undefined && atMs >= old) return int(0);
    }
    entry.expireAtMs = atMs;
    return int(1);
  }
}
