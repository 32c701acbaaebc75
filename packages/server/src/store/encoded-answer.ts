import { concatBytes } from '@tinykv/base';
import type { Init, UnaryMethod } from '@tinykv/proto';

/**
 * A response that is encoded while it is made, so that a long list never stands in memory as objects and never
 * takes one long step to encode. Its bytes are those of its parts one after the other: a reader joins the lists.
 */
export class EncodedAnswer<S> {
  readonly #response: UnaryMethod<unknown, S>['response'];
  readonly #parts: Uint8Array[] = [];

  constructor(response: UnaryMethod<unknown, S>['response']) {
    this.#response = response;
  }

  add(part: Init<S>): void {
    this.#parts.push(this.#response.encode(part));
  }

  finish(): Uint8Array {
    return concatBytes(...this.#parts);
  }
}
