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
  readonly #iterate: () => AsyncGenerator<P, void, undefined>;
  #all: Promise<P[]> | undefined;

  constructor(iterate: () => AsyncGenerator<P, void, undefined>) {
    this.#iterate = iterate;
  }

  [Symbol.asyncIterator](): AsyncGenerator<P, void, undefined> {
    return this.#iterate();
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
    for await (const pair of this.#iterate()) pairs.push(pair);
    return pairs;
  }
}
