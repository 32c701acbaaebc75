/** Between two lines where a line cannot be rewritten. */
const LINE_MS = 10_000;
const REWRITE_MS = 200;

/** One line that is rewritten on a terminal; elsewhere a line every ten seconds. On stderr: stdout is the report. */
export class Progress {
  readonly #isTty = process.stderr.isTTY;
  readonly #startedAt = performance.now();
  #nextAt = this.#startedAt + (this.#isTty ? 0 : LINE_MS);
  #shown = false;
  readonly #notes: NodeJS.WriteStream;

  /** Where stdout is for a machine, what is for a person goes to stderr too. */
  constructor({ stdoutIsJson = false }: { readonly stdoutIsJson?: boolean } = {}) {
    this.#notes = stdoutIsJson ? process.stderr : process.stdout;
  }

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000;
  }

  show(text: () => string): void {
    const now = performance.now();
    if (now < this.#nextAt) return;
    this.#nextAt = now + (this.#isTty ? REWRITE_MS : LINE_MS);
    this.#shown = this.#isTty;
    process.stderr.write(this.#isTty ? `\r\u001b[K${text()}` : `${text()}\n`);
  }

  /** Makes way for other output. */
  clear(): void {
    if (this.#shown) process.stderr.write('\r\u001b[K');
    this.#shown = false;
  }

  print(text: string): void {
    this.clear();
    process.stdout.write(`${text}\n`);
  }

  /** For a person. */
  note(text: string): void {
    this.clear();
    this.#notes.write(`${text}\n`);
  }
}
