import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

/** A server of the peer, with its output in a file. It is in a session of its own: Ctrl-C is for us alone. */
export class PeerProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #ended: Promise<void>;
  #failure: string | undefined;

  constructor(name: string, program: string, args: readonly string[], logFile: string) {
    this.name = name;
    this.#logFile = logFile;
    const log = openSync(logFile, 'a');
    const child = spawn(program, args, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#failure = `${name} has ended with ${signal ?? `exit code ${code ?? 1}`}: ${this.#lastLine()}`;
        resolve();
      });
      child.once('error', (error) => {
        this.#failure = `cannot run ${program}: ${error.message}`;
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Why it does not run; undefined while it does. */
  get failure(): string | undefined {
    return this.#failure;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Its data is not kept, so it need not end well. */
  async stop(): Promise<void> {
    this.kill();
    await this.#ended;
  }

  #lastLine(): string {
    return readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').at(-1) ?? '';
  }
}
