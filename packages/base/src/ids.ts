import { assert } from './assert.js';

/**
 * Identifiers are plain numbers below 2^53 with a flavour that keeps one kind from being passed for
 * another: a bare number fits any of them, a RegionId does not fit a PeerId.
 */
type Flavor<F extends string> = number & { readonly __flavor?: F };

export type ClusterId = Flavor<'ClusterId'>;
export type StoreId = Flavor<'StoreId'>;
export type RegionId = Flavor<'RegionId'>;
export type PeerId = Flavor<'PeerId'>;
/** Index of an entry in a Raft log; the first entry ever written has index 1. */
export type LogIndex = Flavor<'LogIndex'>;
export type Term = Flavor<'Term'>;

/** Also "no leader" and "no vote". */
export const NO_PEER: PeerId = 0;
export const NO_STORE: StoreId = 0;

/** Asserts that a number can stand for a u64 of the wire without rounding. */
export function checkId(value: number, what: string): number {
  assert(Number.isSafeInteger(value) && value >= 0, () => `${what} ${value} is not a u53`);
  return value;
}
