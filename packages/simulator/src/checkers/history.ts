/** Something that must never happen, and did. */
export interface Violation {
  /** Which checker says so. */
  readonly oracle: string;
  readonly message: string;
  /** The shortest history that shows it, a line an operation. */
  readonly history: readonly string[];
}
