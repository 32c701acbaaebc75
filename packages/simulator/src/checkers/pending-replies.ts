import type { Deadlines } from './deadlines.js';

/** A command of a connection that has no reply yet. */
interface Pending {
  /** Its place among those that were sent with it: they may run one after another. */
  readonly place: number;
  /** When the gateway had all of what was sent; undefined: not yet, or a delay is the client's own. */
  arrivedAt: number | undefined;
}

/** Commands that were sent at once. */
export type SentCommands = readonly Pending[];

/** Clocks may run apart by a twentieth; a deadline is kept by that of the gateway. */
const DRIFT = 1.1;

/**
 * The commands of one connection to a gateway, from their arrival to their replies, refusals among them. Times are
 * milliseconds in which the gateway's process ran.
 */
export class PendingReplies {
  readonly #client: string;
  readonly #timeoutMs: number;
  readonly #deadlines: Deadlines;
  #pending: Pending[] = [];

  /** `timeoutMs`: in which the gateway is to answer a command. */
  constructor(client: string, timeoutMs: number, deadlines: Deadlines) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#deadlines = deadlines;
  }

  sent(count: number): SentCommands {
    const commands = Array.from({ length: count }, (_, i) => ({ place: i, arrivedAt: undefined }));
    this.#pending.push(...commands);
    return commands;
  }

  arrived(commands: SentCommands, at: number): void {
    for (const command of commands) command.arrivedAt = at;
  }

  /** The oldest command has its reply. */
  replied(at: number): void {
    const command = this.#pending.shift();
    if (command !== undefined) this.#judge(command, at);
  }

  /** The client does not read its replies: those of the commands so far may come late. */
  excuse(): void {
    for (const command of this.#pending) command.arrivedAt = undefined;
  }

  /** The connection has ended: what has no reply by now never gets one. */
  closed(at: number): void {
    for (const command of this.#pending.splice(0)) this.#judge(command, at);
  }

  #judge({ place, arrivedAt }: Pending, at: number): void {
    if (arrivedAt === undefined) return;
    const deadlineMs = DRIFT * this.#timeoutMs * (place + 1);
    const tookMs = at - arrivedAt;
    this.#deadlines.onAnswer({ client: this.#client, method: 'a command', deadlineMs, tookMs });
  }
}
