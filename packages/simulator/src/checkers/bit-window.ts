const WORD_BITS = 16;

/** A set of numbers that fills up from below: its text holds only the words between all ones and all zeros. */
export class BitWindow {
  readonly #words: Uint16Array;
  /** All words before this one are full. */
  #low = 0;
  /** All words from this one on are empty. */
  #high = 0;

  constructor(size: number) {
    this.#words = new Uint16Array(Math.ceil(size / WORD_BITS) + 1);
  }

  has(bit: number): boolean {
    return ((this.#words[bit >>> 4]! >>> (bit & 15)) & 1) === 1;
  }

  add(bit: number): void {
    const word = bit >>> 4;
    this.#words[word]! |= 1 << (bit & 15);
    if (word >= this.#high) this.#high = word + 1;
    while (this.#words[this.#low] === 0xffff) this.#low++;
  }

  delete(bit: number): void {
    const word = bit >>> 4;
    this.#words[word]! &= ~(1 << (bit & 15));
    if (word < this.#low) this.#low = word;
    while (this.#high > 0 && this.#words[this.#high - 1] === 0) this.#high--;
  }

  /** Equal for equal sets only. */
  text(): string {
    return `${this.#low}:${String.fromCharCode(...this.#words.subarray(this.#low, this.#high))}`;
  }
}
