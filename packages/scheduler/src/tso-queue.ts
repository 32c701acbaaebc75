import { type KvError, limits, type Result, type Timestamp } from '@tinykv/base';

export type TsoReply = (result: Result<Timestamp, KvError>) => void;

/** A request that has no timestamp yet. */
export interface TsoWaiting {
  readonly count: number;
  readonly reply: TsoReply;
  /** The tick before which it came. */
  readonly since: number;
}

/** The requests of one stream, in order; those before `next` are gone. */
interface Line {
  requests: TsoWaiting[];
  next: number;
}

/**
 * Requests for timestamps, in a line for each stream. Streams take turns, so one that asks for much makes its own
 * requests wait, not those of others.
 *
 * Invariant: no line is empty, and the first of the map is next.
 */
export class TsoQueue {
  readonly #lines = new Map<object, Line>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** False: too many wait already, of this stream or of all. */
  add(stream: object, waiting: TsoWaiting): boolean {
    const line = this.#lines.get(stream);
    const length = line === undefined ? 0 : line.requests.length - line.next;
    if (length >= limits.tsoStreamPendingMax || this.#size >= limits.tsoPendingMax) return false;
    if (line === undefined) this.#lines.set(stream, { requests: [waiting], next: 0 });
    else line.requests.push(waiting);
    this.#size += 1;
    return true;
  }

  /** The next in turn. */
  first(): TsoWaiting | undefined {
    for (const { requests, next } of this.#lines.values()) return requests[next];
    return undefined;
  }

  /** Takes the next in turn out; the turn goes to the next stream. */
  shift(): void {
    for (const stream of this.#lines.keys()) {
      this.#drop(stream, true);
      return;
    }
  }

  /** Takes out those that came at or before the tick. */
  takeOld(tick: number): TsoWaiting[] {
    const old: TsoWaiting[] = [];
    for (const [stream, line] of this.#lines) {
      while (this.#lines.get(stream) === line && line.requests[line.next]!.since <= tick) {
        old.push(line.requests[line.next]!);
        this.#drop(stream, false);
      }
    }
    return old;
  }

  takeAll(): TsoWaiting[] {
    return this.takeOld(Number.POSITIVE_INFINITY);
  }

  /** The stream is gone: nobody waits for its answers. */
  forget(stream: object): void {
    const line = this.#lines.get(stream);
    if (line === undefined) return;
    this.#lines.delete(stream);
    this.#size -= line.requests.length - line.next;
  }

  #drop(stream: object, toEnd: boolean): void {
    const line = this.#lines.get(stream)!;
    line.next += 1;
    this.#size -= 1;
    const isEmpty = line.next === line.requests.length;
    if (isEmpty || toEnd) this.#lines.delete(stream);
    if (isEmpty) return;
    if (line.next >= limits.tsoStreamPendingMax) {
      line.requests = line.requests.slice(line.next);
      line.next = 0;
    }
    if (toEnd) this.#lines.set(stream, line);
  }
}
