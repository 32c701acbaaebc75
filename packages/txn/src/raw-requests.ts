import { limits, ok, type Result } from '@tinykv/base';
import { isRawCf, type RawCf, type RegionError } from '@tinykv/model';
import { keyTooLongMessage } from './region-read.js';

export interface RawPair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** `error` is a text for the client: an unknown column family, a key that is too long. */
export type RawAnswer<T> =
  | { readonly type: 'ok'; readonly value: T }
  | { readonly type: 'error'; readonly message: string };

/** Undefined: never. Else milliseconds. */
export type RawTtl = number | undefined;

export interface RawScanRequest {
  readonly cf: string;
  readonly startKey: Uint8Array;
  /** Empty: no end. */
  readonly endKey: Uint8Array;
  readonly limit: number;
  readonly reverse: boolean;
  readonly keyOnly: boolean;
  /** The answer may end once it has about so many bytes; 0 or undefined: it does not. */
  readonly answerBytesMax?: number;
}

export interface RawSwapRequest {
  readonly cf: string;
  readonly key: Uint8Array;
  /** Empty: the key does not exist. */
  readonly expected: Uint8Array;
  /** Empty: the key is deleted. */
  readonly value: Uint8Array;
  /** `keep`: the key expires when it would have anyway. */
  readonly ttl: RawTtl | 'keep';
}

export interface RawSwap {
  /** False: the value was another, and nothing was written. */
  readonly swapped: boolean;
  /** The value that was compared; empty: the key did not exist. */
  readonly previous: Uint8Array;
}

export function answer<T>(value: T): Result<RawAnswer<T>, never> {
  return ok({ type: 'ok', value });
}

export function written(proposed: Result<void, RegionError>): Result<RawAnswer<void>, RegionError> {
  return proposed.ok ? answer(undefined) : proposed;
}

function refuse(message: string): Result<RawAnswer<never>, never> {
  return ok({ type: 'error', message });
}

/** Requests may leave the field out. */
export function parseCf(name: string): RawCf | undefined {
  if (name === '') return 'default';
  return isRawCf(name) ? name : undefined;
}

export function unknownCf(name: string): Result<RawAnswer<never>, never> {
  return refuse(`column family ${JSON.stringify(name)} is unknown`);
}

export function keyTooLong(key: Uint8Array): Result<RawAnswer<never>, never> {
  return refuse(keyTooLongMessage(key));
}

/** Undefined: it may be taken. */
export function wrongTtl(ttl: number): Result<RawAnswer<never>, never> | undefined {
  if (ttl >= 1 && ttl <= limits.rawTtlMsMax) return undefined;
  return refuse(`a time to live of ${ttl} ms is not between 1 and ${limits.rawTtlMsMax}`);
}
