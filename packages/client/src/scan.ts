/**
 * Pairs of a scan. It begins when it is awaited, for all of them at once, or iterated, page by page:
 *
 *     const pairs = await txn.scan(start, { end });
 *     for await (const { key, value } of txn.scan(start, { end })) …
 *
 * Each iteration reads anew; awaiting reads once.
 */
export class Scan<P> implements Promise<P[]>, AsyncIterable<P> {
  readonly [Symbol.toStringTag]: string = 'Scan';
  readonly #pages: () => Pages<P>;
  #all: Promise<P[]> | undefined;

  /** Each page is iterated at most once. */
  constructor(pages: () => Pages<P>) {
    this.#pages = pages;
  }

  /** The same pairs, as they come from the cluster: no promise for each. A page is to be iterated before the next is asked for. */
  pages(): Pages<P> {
    return this.#pages();
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<P, void, undefined> {
    return new ScanIterator(this.#pages());
  }

  // biome-ignore lint/suspicious/noThenProperty: to be awaited is half of its purpose.
  then<A = P[], B = never>(
    onFulfilled?: ((pairs: P[]) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#all ??= this.#collect();
    return this.#all.then(onFulfilled, onRejected);
  }

  catch<B = never>(
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<P[] | B> {
    return this.then(undefined, onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<P[]> {
    return this.then().finally(onFinally);
  }

  async #collect(): Promise<P[]> {
    const pairs: P[] = [];
    for await (const page of this.#pages()) for (const pair of page) pairs.push(pair);
    return pairs;
  }
}

type Pages<P> = AsyncGenerator<Iterable<P>, void, undefined>;

/** Pair by pair over pages: within a page a step costs one promise that is settled already. */
class ScanIterator<P> implements AsyncIterableIterator<P, void, undefined> {
  readonly #pages: Pages<P>;
  #page: Iterator<P, unknown> | undefined;
  /** Settles when all earlier calls have; never rejects. */
  #tail: Promise<unknown> = Promise.resolve();
  /** Calls that have not settled: later ones wait for them. */
  #waiting = 0;

  constructor(pages: Pages<P>) {
    this.#pages = pages;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<P, void>> {
    if (this.#waiting > 0 || this.#page === undefined) return this.#inTurn(() => this.#step());
    try {
      const { done, value } = this.#page.next();
      if (done !== true) return Promise.resolve({ done: false, value });
    } catch (error) {
      return this.#inTurn(() => this.#fail(error));
    }
    return this.#inTurn(() => this.#step());
  }

  return(): Promise<IteratorResult<P, void>> {
    return this.#inTurn(async () => {
      this.#page = undefined;
      await this.#pages.return();
      return { done: true, value: undefined };
    });
  }

  async #step(): Promise<IteratorResult<P, void>> {
    for (;;) {
      let step: IteratorResult<P, unknown> | undefined;
      try {
        step = this.#page?.next();
      } catch (error) {
        return this.#fail(error);
      }
      if (step !== undefined && step.done !== true) return { done: false, value: step.value };
      this.#page = undefined;
      const page = await this.#pages.next();
      if (page.done === true) return { done: true, value: undefined };
      this.#page = page.value[Symbol.iterator]();
    }
  }

  /** An error of a page ends the scan. */
  async #fail(error: unknown): Promise<never> {
    this.#page = undefined;
    await this.#pages.return();
    throw error;
  }

  #inTurn<R>(work: () => Promise<R>): Promise<R> {
    this.#waiting += 1;
    const result = this.#tail.then(work);
    const settled = (): void => {
      this.#waiting -= 1;
    };
    this.#tail = result.then(settled, settled);
    return result;
  }
}
