import { err, type KvReader, keyString, limits, type Result } from '@tinykv/base';
import {
  openRaw,
  type RawCf,
  type RawRecord,
  type RegionAccess,
  type RegionError,
  type RegionView,
  type RequestContext,
} from '@tinykv/model';
import { asDataLoss } from './mvcc/key-view.js';
import { RawTurns } from './raw-turns.js';
import { stopIfGone } from './region-read.js';

/** In memory: a key, its name, and its place in a queue. */
const TURN_OVERHEAD_BYTES = 128;
export const TOO_MANY: Result<never, RegionError> = err({
  type: 'server-is-busy',
  reason: 'too many commands',
});

/** Who may write which raw key of a store when. */
export class RawKeys {
  readonly #access: RegionAccess;
  readonly turns: RawTurns = new RawTurns(limits.latchCommandsMax, limits.latchWaitingBytesMax);

  constructor(access: RegionAccess) {
    this.#access = access;
  }

  /**
   * Runs with no other write of the key beside it: what `run` reads is what its proposal replaces. The turn lasts until
   * the outcome of the proposal is known or its term is over.
   */
  async alone<T>(
    context: RequestContext,
    cf: RawCf,
    key: Uint8Array,
    valueBytes: number,
    run: (view: RegionView) => Promise<Result<T, RegionError>>,
  ): Promise<Result<T, RegionError>> {
    const name = turnName(cf, key);
    const turn = this.turns.enter(name, true, turnBytes(key, valueBytes));
    if (turn === 'busy') return TOO_MANY;
    if (turn !== undefined) await turn;
    try {
      if (turn !== undefined) stopIfGone(context);
      const view = await this.#access.acquireWrite(context, [key]);
      return view.ok ? await run(view.value) : view;
    } finally {
      this.turns.leave(name);
    }
  }
}

export function turnName(cf: RawCf, key: Uint8Array): string {
  return `${cf}/${keyString(key)}`;
}

/** In memory, while the command waits. */
export function turnBytes(key: Uint8Array, valueBytes: number): number {
  return 2 * key.length + valueBytes + TURN_OVERHEAD_BYTES;
}

export function readRaw(reader: KvReader, key: Uint8Array, at: Uint8Array): RawRecord | undefined {
  const bytes = reader.get(at);
  return bytes && openRawAt(key, at, bytes);
}

export function openRawAt(key: Uint8Array, at: Uint8Array, bytes: Uint8Array): RawRecord {
  try {
    return openRaw(at, bytes);
  } catch (error) {
    throw asDataLoss(error, 'raw value', key);
  }
}
