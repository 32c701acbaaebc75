/** Events of fail points: the names come behind. */
export const PASSED = 'passed ';
export const DEATH_AT = 'death at ';

/** What happened in runs, counted: faults by kind, and events that a suite must have seen. */
export class Tally {
  readonly faults: Map<string, number> = new Map();
  readonly events: Map<string, number> = new Map();
  /** Operations that a checker has judged. */
  checked = 0;
  /** By the name of a fail point: the event that counts those who come there. */
  readonly #points = new Map<string, string>();
  readonly #busySeconds = new Set<number>();

  fault(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
  }

  event(name: string, count: number = 1): void {
    this.events.set(name, (this.events.get(name) ?? 0) + count);
  }

  /** A process has come to a fail point, as it does all the time. */
  point(name: string): void {
    let event = this.#points.get(name);
    if (event === undefined) {
      event = `${PASSED}${name}`;
      this.#points.set(name, event);
    }
    this.event(event);
  }

  /** An operation of a client was in flight between these times. */
  inFlight(fromMs: number, toMs: number): void {
    const last = Math.floor(toMs / 1_000);
    for (let second = Math.floor(fromMs / 1_000); second <= last; second++) {
      this.#busySeconds.add(second);
    }
  }

  /** Simulated time that tells something: the seconds in which an operation was in flight. */
  get busyMs(): number {
    return this.#busySeconds.size * 1_000;
  }
}
