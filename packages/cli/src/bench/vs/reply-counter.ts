const CR = 0x0d;
const LF = 0x0a;

/** A reply of RESP2 begins with one of these. */
const SIMPLE = 0x2b; // +
const ERROR = 0x2d; // -
const INTEGER = 0x3a; // :
const BULK = 0x24; // $
const MINUS = 0x2d;

/**
 * Counts replies of RESP2 without making values of them, so that the client's own work does not hide the
 * servers'. Knows simple strings, errors, integers and bulk strings.
 */
export class ReplyCounter {
  /** The first byte of the reply that is being read; 0 between replies. */
  #type = 0;
  #isNull = false;
  #length = 0;
  /** Bytes of the bulk string and its line end that are still to come. */
  #skip = 0;
  #text: number[] = [];
  #replies = 0;
  #problem: string | undefined;

  /** Replies that have ended since the last time it was asked. */
  takeReplies(): number {
    const count = this.#replies;
    this.#replies = 0;
    return count;
  }

  /** The first error reply or missing value since the last time it was asked. */
  takeProblem(): string | undefined {
    const problem = this.#problem;
    this.#problem = undefined;
    return problem;
  }

  feed(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#skip > 0) at = this.#skipBulk(chunk, at);
      else if (this.#type === 0) this.#begin(chunk[at++]!);
      else at = this.#readLine(chunk, at);
    }
  }

  #begin(type: number): void {
    if (type !== SIMPLE && type !== ERROR && type !== INTEGER && type !== BULK) {
      throw new Error(`a reply begins with byte ${type}`);
    }
    this.#type = type;
    this.#isNull = false;
    this.#length = 0;
    this.#text = [];
  }

  #readLine(chunk: Uint8Array, from: number): number {
    let at = from;
    for (; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (byte === LF) {
        this.#endLine();
        return at + 1;
      }
      if (byte === CR) continue;
      if (this.#type === ERROR) this.#text.push(byte);
      else if (this.#type === BULK && byte === MINUS) this.#isNull = true;
      else if (this.#type === BULK) this.#length = this.#length * 10 + byte - 0x30;
    }
    return at;
  }

  #endLine(): void {
    if (this.#type === BULK && !this.#isNull) {
      this.#skip = this.#length + 2;
      return;
    }
    if (this.#type === ERROR) this.#problem ??= String.fromCharCode(...this.#text);
    if (this.#isNull) this.#problem ??= 'a key is not there';
    this.#endReply();
  }

  #skipBulk(chunk: Uint8Array, at: number): number {
    const step = Math.min(this.#skip, chunk.length - at);
    this.#skip -= step;
    if (this.#skip === 0) this.#endReply();
    return at + step;
  }

  #endReply(): void {
    this.#type = 0;
    this.#replies++;
  }
}
