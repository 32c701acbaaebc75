/** Randomness as a port: seeded in the simulator, from the system in production. */
export interface Rng {
  /** Uniform in [0, 2^32). */
  u32(): number;
  /** Uniform in [0, 1). */
  float(): number;
  /** Uniform integer in [low, high). */
  int(low: number, high: number): number;
  bytes(count: number): Uint8Array;
  /** An independent stream: draws from one never shift the other. */
  fork(label: string): Rng;
}

/** sfc32, seeded by a string hash: small, fast, and good enough for simulation and jitter. */
export class Prng implements Rng {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string | number) {
    this.#seed = String(seed);
    this.#a = hash(this.#seed, 0x9e37_79b9);
    this.#b = hash(this.#seed, 0x85eb_ca6b);
    this.#c = hash(this.#seed, 0xc2b2_ae35);
    for (let i = 0; i < 12; i++) this.u32();
  }

  u32(): number {
    const t = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }

  float(): number {
    return this.u32() / 0x1_0000_0000;
  }

  int(low: number, high: number): number {
    return low + Math.floor(this.float() * (high - low));
  }

  bytes(count: number): Uint8Array {
    const out = new Uint8Array(count);
    for (let i = 0; i < count; i++) out[i] = this.u32() & 0xff;
    return out;
  }

  fork(label: string): Prng {
    return new Prng(`${this.#seed}/${label}`);
  }
}

/** FNV-1a with a final mix. */
function hash(text: string, basis: number): number {
  let h = basis;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x0100_0193);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b_3c6d);
  return (h ^ (h >>> 13)) | 0;
}
