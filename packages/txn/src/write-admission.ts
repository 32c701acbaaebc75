import {
  type Awaitable,
  err,
  maxTimestamp,
  ok,
  type Result,
  type Timestamp,
  TS_MAX,
  TS_ZERO,
} from '@tinykv/base';
import type { KeyError, RegionError } from '@tinykv/model';
import type { Answer } from './latched-commands.js';
import type { OnePhaseGate } from './one-phase-gate.js';
import { aheadError } from './region-read.js';

/** An error that ends the request, or why the store does not say yet. */
export type Refusal = Result<KeyError, RegionError>;

/**
 * The timestamps that a write may carry. A version above every timestamp that the scheduler has granted is invisible
 * to every fresh snapshot, and each later write of the key conflicts with it for ever; a commit timestamp beyond the
 * greatest has no bytes at all. So a write is checked where it enters, before anything is latched or read.
 */
export class WriteAdmission {
  readonly #gate: OnePhaseGate | undefined;

  /** Without a gate no scheduler tells what was granted; the range is checked all the same. */
  constructor(gate: OnePhaseGate | undefined) {
    this.#gate = gate;
  }

  /**
   * Runs a command, at once as a rule. `highest` is the highest timestamp beside the start that it may write; 0: there
   * is none.
   */
  admit<A>(
    startTs: Timestamp,
    highest: Timestamp,
    refuse: (error: KeyError) => Result<A, RegionError>,
    run: () => Answer<A>,
  ): Answer<A> {
    const refusal = this.#refusal(startTs, highest);
    if (refusal === undefined) return run();
    return this.#runVerified(refusal, refuse, run);
  }

  async #runVerified<A>(
    pending: Awaitable<Refusal | undefined>,
    refuse: (error: KeyError) => Result<A, RegionError>,
    run: () => Answer<A>,
  ): Answer<A> {
    const refusal = await pending;
    if (refusal === undefined) return run();
    return refusal.ok ? refuse(refusal.value) : refusal;
  }

  #refusal(startTs: Timestamp, highest: Timestamp): Awaitable<Refusal | undefined> {
    const ts = maxTimestamp(startTs, highest);
    if (startTs <= TS_ZERO || ts >= TS_MAX) {
      const which = startTs <= TS_ZERO ? startTs : ts;
      return ok({ type: 'abort', message: `no transaction has the timestamp ${which}` });
    }
    const verdict = this.#gate?.mayHaveBeenGranted(ts);
    return verdict instanceof Promise ? verdict.then((told) => refusalOf(told, ts)) : undefined;
  }
}

function refusalOf(verdict: 'near' | 'ahead' | 'unknown', ts: Timestamp): Refusal | undefined {
  switch (verdict) {
    case 'near':
      return undefined;
    case 'ahead':
      return ok(aheadError(ts));
    case 'unknown':
      return err({
        type: 'server-is-busy',
        reason: `the scheduler does not tell whether it has granted timestamp ${ts}`,
      });
  }
}
