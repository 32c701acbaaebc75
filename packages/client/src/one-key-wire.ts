import type { Timestamp } from '@tinykv/base';
import type { WriteCondition } from '@tinykv/model';
import { type Init, tinykvtxn } from '@tinykv/proto';

const { WriteCondition: Wire } = tinykvtxn;

/** A write that the store of the key decides. */
export interface OneKeyWrite {
  readonly key: Uint8Array;
  /** From {@link Transactions.timestamp}, fetched for this write alone, or for writes of other keys as well. */
  readonly ts: Timestamp;
  readonly condition: WriteCondition;
  /** Undefined: the key is deleted. */
  readonly value: Uint8Array | undefined;
  /** Blind writes of other keys that happen with it, or not at all. */
  readonly companions?: readonly KeyChange[];
}

export interface KeyChange {
  readonly key: Uint8Array;
  /** Undefined: the key is deleted. */
  readonly value: Uint8Array | undefined;
}

export type OneKeyResult =
  /** `commitTs` undefined: it has no version, as there was nothing to delete. */
  | { readonly type: 'written'; readonly commitTs: Timestamp | undefined }
  /** The condition does not hold: what is there instead. Nothing was written, nor will be. */
  | {
      readonly type: 'refused';
      readonly value: Uint8Array | undefined;
      readonly version: Timestamp;
    }
  /** The store cannot choose a timestamp now. Nothing was written, nor will be: a transaction can. */
  | { readonly type: 'unready' }
  /** A companion lies in another Region than the key. Nothing was written, nor will be: a transaction can. */
  | { readonly type: 'apart' };

/** The bytes that it takes of a request. */
export function bytesOf(write: OneKeyWrite): number {
  const { condition, companions = [] } = write;
  const heads = condition.type === 'head' ? condition.heads : [];
  let bytes = heads.reduce((sum, head) => sum + head.length, 0);
  for (const { key, value } of [write, ...companions]) bytes += key.length + (value?.length ?? 0);
  return bytes;
}

function changeOf({ value }: KeyChange): { delete: true } | { value: Uint8Array } {
  return value === undefined ? { delete: true } : { value };
}

function companionOf(change: KeyChange): Init<tinykvtxn.OneKeyCompanion> {
  return { key: change.key, ...changeOf(change) };
}

export function toWire(write: OneKeyWrite): Init<tinykvtxn.OneKeyWrite> {
  const { key, ts, condition, companions = [] } = write;
  const change = { ...changeOf(write), companions: companions.map(companionOf) };
  switch (condition.type) {
    case 'always':
      return { key, ts, ...change };
    case 'absent':
      return { key, ts, ...change, condition: Wire.WriteIfAbsent };
    case 'version': {
      const { version } = condition;
      return { key, ts, ...change, condition: Wire.WriteIfVersion, version };
    }
    case 'head': {
      const { heads, orAbsent } = condition;
      return { key, ts, ...change, condition: Wire.WriteIfHead, heads, orAbsent };
    }
  }
}
