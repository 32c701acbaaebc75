/** What happened in runs, counted: faults by kind, and events that a suite must have seen. */
export class Tally {
  readonly faults: Map<string, number> = new Map();
  readonly events: Map<string, number> = new Map();
  /** Operations that a checker has judged. */
  checked = 0;

  fault(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
  }

  event(name: string, count: number = 1): void {
    this.events.set(name, (this.events.get(name) ?? 0) + count);
  }
}
