import type { Violation } from './history.js';

interface Found {
  readonly message: string;
  readonly history: readonly string[];
  count: number;
}

/** What a checker has found: of each kind the first case in full, the rest counted. */
export class Findings {
  readonly #oracle: string;
  readonly #byKind = new Map<string, Found>();

  constructor(oracle: string) {
    this.#oracle = oracle;
  }

  add(kind: string, message: string, history: readonly string[]): void {
    const known = this.#byKind.get(kind);
    if (known !== undefined) known.count++;
    else this.#byKind.set(kind, { message, history, count: 1 });
  }

  violations(): Violation[] {
    return [...this.#byKind].map(([kind, { message, history, count }]) => ({
      oracle: this.#oracle,
      message: `${kind}: ${message}${count > 1 ? ` (and ${count - 1} more)` : ''}`,
      history,
    }));
  }
}
