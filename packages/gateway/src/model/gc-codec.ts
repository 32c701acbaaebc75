import { ByteReader, ByteWriter, CodecError } from '@tinykv/base';

/**
 * What the collector has to remove: the elements of one object (its id stands in the key), or a whole
 * epoch of a database that was flushed.
 */
export interface GcItem {
  readonly kind: 'object' | 'epoch';
  readonly db: number;
  readonly epoch: number;
  /** The last key that was removed; empty at first. What lies before it is not looked at again. */
  readonly cursor: Uint8Array;
}

const KINDS = { object: 1, epoch: 2 } as const;

export function encodeGcItem(item: GcItem): Uint8Array {
  return new ByteWriter(8)
    .u8(KINDS[item.kind])
    .u16(item.db)
    .u32(item.epoch)
    .raw(item.cursor)
    .finish();
}

export function decodeGcItem(bytes: Uint8Array): GcItem {
  const reader = new ByteReader(bytes);
  const code = reader.u8();
  const kind = code === KINDS.object ? 'object' : code === KINDS.epoch ? 'epoch' : undefined;
  if (kind === undefined) throw new CodecError(`gc item of kind ${code}`);
  return { kind, db: reader.u16(), epoch: reader.u32(), cursor: reader.rest() };
}
