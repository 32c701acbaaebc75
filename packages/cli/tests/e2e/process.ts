import { type ChildProcess, spawn } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const scripts = fileURLToPath(new URL('../../../../scripts', import.meta.url));

/** The path of a launcher. */
export function launcher(name: string): string {
  return resolve(scripts, name);
}

/** A launcher of `scripts/`, started as a user would. */
export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  #out = '';

  constructor(name: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(launcher(name), args, {
      // Launchers work from any folder.
      cwd: '/',
      env: { ...process.env, LOG_LEVEL: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const collect = (chunk: Buffer): void => {
      this.#out += chunk.toString();
    };
    this.child.stdout?.on('data', collect);
    this.child.stderr?.on('data', collect);
    this.ended = new Promise((settle, reject) => {
      this.child.once('error', reject);
      this.child.once('close', settle);
    });
  }

  /** A program that is no launcher of `scripts/`, by its path. */
  static at(path: string, args: readonly string[]): Program {
    return new Program(path, args);
  }

  /** Standard output and error so far. */
  get output(): string {
    return this.#out;
  }

  /** Resolves with the first match; rejects when the program ends or `timeoutMs` pass before. */
  async waitFor(pattern: RegExp, timeoutMs = 30_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.#out);
      if (match !== null) return match;
      const isOver = this.child.exitCode !== null || performance.now() > deadline;
      if (isOver) throw new Error(`${String(pattern)} did not come:\n${this.#out}`);
      await pause();
    }
  }
}

/** Between two looks at something that another process does. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 25));
}

/** Runs a launcher to its end. */
export async function runProgram(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly output: string }> {
  const program = new Program(name, args, env);
  const code = await program.ended;
  return { code, output: program.output };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A port that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
