/** Collects what a command prints: indented by two blanks per level, or nothing while quiet. */
export class InteractionOutput {
  quiet = false;
  #indent = '';
  #text = '';

  /** Writes whole lines; a line break at the end is optional. */
  write(text: string): void {
    if (this.quiet || text === '') return;
    const lines = text.endsWith('\n') ? text.slice(0, -1) : text;
    for (const line of lines.split('\n')) this.#text += `${this.#indent}${line}\n`;
  }

  indented(body: () => void): void {
    const outer = this.#indent;
    this.#indent = `${outer}  `;
    try {
      body();
    } finally {
      this.#indent = outer;
    }
  }

  /** What was printed since the last call. */
  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}
