import { fitsInt64, parseInt64 } from '../resp/decimal.js';
import type { Reply } from '../resp/types.js';
import { invalidExpire, NOT_AN_INTEGER } from './errors.js';

/** How a command counts the time at which a key expires. */
export interface ExpireUnit {
  readonly seconds: boolean;
  /** From now rather than from the Unix epoch. */
  readonly relative: boolean;
}

export const EX: ExpireUnit = { seconds: true, relative: true };
export const PX: ExpireUnit = { seconds: false, relative: true };
export const EXAT: ExpireUnit = { seconds: true, relative: false };
export const PXAT: ExpireUnit = { seconds: false, relative: false };

export type ExpireTime =
  | { readonly ok: true; readonly atMs: bigint }
  | { readonly ok: false; readonly error: Reply };

/**
 * Reads the time argument of `command`. SET and its kind refuse zero and less; EXPIRE and its kind take
 * them for a time that has passed.
 */
export function parseExpire(
  argument: Uint8Array,
  unit: ExpireUnit,
  nowMs: number,
  command: string,
  allowPast: boolean,
): ExpireTime {
  const given = parseInt64(argument);
  if (given === undefined) return { ok: false, error: NOT_AN_INTEGER };
  if (!allowPast && given <= 0n) return { ok: false, error: invalidExpire(command) };
  const ms = unit.seconds ? given * 1_000n : given;
  const at = unit.relative ? ms + BigInt(nowMs) : ms;
  if (!fitsInt64(ms) || !fitsInt64(at)) return { ok: false, error: invalidExpire(command) };
  return { ok: true, atMs: at };
}
