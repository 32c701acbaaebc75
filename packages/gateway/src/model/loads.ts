import { assert, KvError, keyString } from '@tinykv/base';

/** Thrown by a step that reads what is not loaded. It has noted what that is, and runs again from its start. */
export class NeedsMoreError extends KvError {
  constructor() {
    super('FAILED_PRECONDITION', 'the step needs what is not loaded');
  }
}

/** The only one: it is thrown often, and tells nothing but its kind. */
export const NEEDS_MORE: NeedsMoreError = new NeedsMoreError();

/**
 * The questions of one command's step beside the metas of keys: records of large objects, and whatever a function of
 * its own reads. Invariant: the step asks in the same order each time it runs, so its answers are known by their places.
 */
export class Loads {
  readonly #records = new Map<string, Uint8Array | undefined>();
  readonly #wanted = new Map<string, Uint8Array>();
  #answers: unknown[] = [];
  /** Answers that the step has taken since it began. */
  #taken = 0;
  #question: (() => Promise<unknown>) | undefined;

  get isMissing(): boolean {
    return this.#wanted.size > 0 || this.#question !== undefined;
  }

  /** Records that are not loaded, which are noted. */
  want(keys: readonly Uint8Array[]): void {
    for (const key of keys) {
      const name = keyString(key);
      if (!this.#records.has(name)) this.#wanted.set(name, key);
    }
  }

  /** Throws {@link NEEDS_MORE} when one of the records is not loaded. */
  records(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    this.want(keys);
    if (this.#wanted.size > 0) throw NEEDS_MORE;
    return keys.map((key) => this.#records.get(keyString(key)));
  }

  /** The result of `read`, which is called once for all runs of the step. Throws {@link NEEDS_MORE} the first time. */
  answer<T>(read: () => Promise<T>): T {
    const place = this.#taken++;
    if (place < this.#answers.length) return this.#answers[place] as T;
    this.#question = read;
    throw NEEDS_MORE;
  }

  /** The step begins from its start. */
  begin(): void {
    this.#taken = 0;
  }

  /** Takes out what is wanted. */
  take(): Uint8Array[] {
    const keys = [...this.#wanted.values()];
    this.#wanted.clear();
    return keys;
  }

  loaded(keys: readonly Uint8Array[], values: readonly (Uint8Array | undefined)[]): void {
    for (const [i, key] of keys.entries()) this.#records.set(keyString(key), values[i]);
  }

  async ask(): Promise<void> {
    const question = this.#question;
    if (question === undefined) return;
    this.#question = undefined;
    assert(this.#taken === this.#answers.length + 1, 'a step asks one question at a time');
    this.#answers.push(await question());
  }

  /** Another command begins: it reads for itself, and sees what this one wrote. */
  clear(): void {
    if (this.#records.size > 0) this.#records.clear();
    if (this.#wanted.size > 0) this.#wanted.clear();
    if (this.#answers.length > 0) this.#answers = [];
    this.#question = undefined;
    this.#taken = 0;
  }
}
