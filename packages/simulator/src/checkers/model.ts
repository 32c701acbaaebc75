import type { Interval } from './history.js';

/** A state that is compared in full, never by a hash of it: a lossy comparison calls good histories bad. */
export type State = string | number | null;

/** What a single client would see: the specification that a history must have an order for. */
export interface Model<S extends State, Op extends Interval> {
  readonly initial: S;
  /** The state after the operation; undefined when the operation could not have had its reply. */
  step(state: S, op: Op): S | undefined;
  /** With the reply that it had, the operation leaves alone every state in which it is possible. */
  isPure(op: Op): boolean;
  /** The one state in which the operation could have had its reply, where there is only one. */
  demands(op: Op): S | undefined;
  /** The state right after the operation, where its reply tells. */
  pins(op: Op): S | undefined;
  /** Which of the states may be what the operation leaves behind. */
  yields(op: Op, states: ReadonlySet<S>): readonly S[];
  /** The same operation with its result not known (yet); undefined when it has no effect then. */
  forget(op: Op): Op | undefined;
  /** For a history: which of its operations may be left out without making a legal one illegal. */
  spare(ops: readonly Op[]): (op: Op) => boolean;
  /** For a history: which operations may have written what is read in it. */
  sources(ops: readonly Op[]): (op: Op) => boolean;
  describe(op: Op): string;
}
