import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** A file of results, a line of JSON each, that runs append to and later runs go on from. */
export class ResultsFile<T> {
  readonly #path: string;
  #isAppending = false;

  constructor(path: string) {
    this.#path = path;
  }

  read(): T[] {
    if (!existsSync(this.#path)) return [];
    const text = readFileSync(this.#path, 'utf8');
    // What follows the last line break is a line that a killed run has not finished.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .flatMap((line) => parse<T>(line));
  }

  append(result: T): void {
    if (!this.#isAppending) this.#beginAppending();
    appendFileSync(this.#path, `${JSON.stringify(result)}\n`);
  }

  #beginAppending(): void {
    this.#isAppending = true;
    mkdirSync(dirname(this.#path), { recursive: true });
    const before = existsSync(this.#path) ? readFileSync(this.#path, 'utf8') : '';
    if (before !== '' && !before.endsWith('\n')) appendFileSync(this.#path, '\n');
  }
}

function parse<T>(line: string): T[] {
  try {
    return [JSON.parse(line) as T];
  } catch {
    return []; // The rest of a torn line.
  }
}
