/** When an operation was called and when it returned, as ordinals; `ret` is infinite when its result is unknown. */
export interface Interval {
  readonly client: number;
  readonly call: number;
  readonly ret: number;
}

/** Something that must never happen, and did. */
export interface Violation {
  /** Which checker says so. */
  readonly oracle: string;
  readonly message: string;
  /** The shortest history that shows it, a line an operation. */
  readonly history: readonly string[];
}

/** What a checker makes of a history. */
export interface Verdict {
  readonly violations: readonly Violation[];
  /** Operations that were judged. */
  readonly checked: number;
  /** Parts that were too hard to judge: they count neither as right nor as wrong. */
  readonly gaveUp: readonly string[];
}

/** `client 3 [120, 125]`: who, and from when to when. */
export function describeInterval({ client, call, ret }: Interval): string {
  return `client ${client} [${call}, ${Number.isFinite(ret) ? `${ret}]` : '∞)'}`;
}
