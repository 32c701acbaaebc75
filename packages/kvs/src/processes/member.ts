import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

export type MemberState = 'stopped' | 'running' | 'ended';

/** One process of a cluster on this machine. */
export interface MemberSpec {
  /** `scheduler`, `store-1`, `gateway`. */
  readonly name: string;
  /** `scheduler`, `tinykv-server`, `tinykv-gateway`. */
  readonly program: string;
  /** The compiled JavaScript that runs it. */
  readonly entry: string;
  readonly args: readonly string[];
  /** host:port of its service and of its status page. */
  readonly address: string;
  readonly statusAddress: string;
  readonly logFile: string;
}

/** How a process ended. */
export interface MemberEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** False when nobody had asked for it. */
  readonly asked: boolean;
}

const STOP_MS = 12_000;

/**
 * A child with its own log. It is in a session of its own, so that Ctrl-C reaches its parent alone,
 * and holds a channel to it, by whose end it notices when the parent dies.
 */
export class Member {
  readonly spec: MemberSpec;
  readonly #onEnd: (member: Member, end: MemberEnd) => void;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #asked = false;
  #wasStarted = false;

  constructor(spec: MemberSpec, onEnd: (member: Member, end: MemberEnd) => void) {
    this.spec = spec;
    this.#onEnd = onEnd;
  }

  get state(): MemberState {
    if (this.#child !== undefined) return 'running';
    return this.#wasStarted ? 'ended' : 'stopped';
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    if (this.#child !== undefined) return;
    mkdirSync(dirname(this.spec.logFile), { recursive: true });
    const log = openSync(this.spec.logFile, 'a');
    const { entry, args } = this.spec;
    const child = spawn(process.execPath, ['--enable-source-maps', entry, ...args], {
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.#child = child;
    this.#asked = false;
    this.#wasStarted = true;
    this.#ended = new Promise((resolve) => {
      const onEnd = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#child = undefined;
        this.#onEnd(this, { code, signal, asked: this.#asked });
        resolve();
      };
      child.once('exit', onEnd);
      child.once('error', () => onEnd(1, null));
    });
  }

  /** SIGKILL: what a crash looks like. Resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#asked = true;
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  /** A process that was frozen hears no signal until it goes on. */
  wake(): void {
    this.#child?.kill('SIGCONT');
  }

  /** SIGINT, since the whole cluster stops; then SIGKILL for one that does not go. */
  async stop(): Promise<void> {
    if (this.#child === undefined) return;
    this.#asked = true;
    this.#child.kill('SIGINT');
    const late = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_MS);
    await this.#ended;
    clearTimeout(late);
  }

  /** The last lines of its log, for a message about its end. */
  logTail(lines: number): string {
    const text = readFileSync(this.spec.logFile, 'utf8');
    return text.trimEnd().split('\n').slice(-lines).join('\n');
  }
}

export function describeEnd(end: MemberEnd): string {
  return end.signal === null ? `exit code ${end.code ?? 1}` : `signal ${end.signal}`;
}
