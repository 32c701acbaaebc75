import { ByteReader, ByteWriter, CodecError, copyBytes, crc32 } from '@tinykv/base';

/** One operation of a batch; without a value it deletes. */
export type Op = readonly [key: Uint8Array, value: Uint8Array | undefined];

/** The parts of a folder of the fake. */
export interface Manifest {
  /** Logs of lower numbers are in tables, and not read any more. */
  readonly firstLog: number;
  /** Oldest first. */
  readonly tables: readonly number[];
}

export const MANIFEST = 'MANIFEST';

export function logName(number: number): string {
  return `${String(number).padStart(6, '0')}.log`;
}

export function tableName(number: number): string {
  return `${String(number).padStart(6, '0')}.ldb`;
}

/** The number in the name of a log or a table. */
export function fileNumber(name: string): number {
  return Number.parseInt(name, 10) || 0;
}

/** `crc u32 | bytes u32 | operations`: a batch in a log, or all that a table holds. */
export function encodeRecord(ops: readonly Op[]): Uint8Array {
  const w = new ByteWriter().u32(0).u32(0);
  for (const [key, value] of ops) {
    w.u8(value === undefined ? 1 : 0).bytes(key);
    if (value !== undefined) w.bytes(value);
  }
  w.patchU32(4, w.length - 8);
  return w.patchU32(0, crc32(w.finish().subarray(4))).finish();
}

/** The batches of a log up to the first that is not whole; what follows is not found, as in a recovery of LevelDB. */
export function readRecords(file: Uint8Array): Op[][] {
  const batches: Op[][] = [];
  for (let at = 0; at + 8 <= file.length; ) {
    const r = new ByteReader(file.subarray(at));
    const crc = r.u32();
    const end = at + 8 + r.u32();
    if (end > file.length || crc !== crc32(file.subarray(at + 4, end))) break;
    batches.push(readOps(file.subarray(at + 8, end)));
    at = end;
  }
  return batches;
}

function readOps(bytes: Uint8Array): Op[] {
  const r = new ByteReader(bytes);
  const ops: Op[] = [];
  while (r.remaining > 0) {
    const isDelete = r.u8() === 1;
    const key = copyBytes(r.bytes());
    ops.push([key, isDelete ? undefined : copyBytes(r.bytes())]);
  }
  return ops;
}

export function encodeManifest({ firstLog, tables }: Manifest): Uint8Array {
  const w = new ByteWriter().u32(0).u32(firstLog);
  for (const table of tables) w.u32(table);
  return w.patchU32(0, crc32(w.finish().subarray(4))).finish();
}

/** Throws CodecError: a manifest is durable before it takes its name. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const r = new ByteReader(bytes);
  if (r.u32() !== crc32(bytes.subarray(4))) throw new CodecError('the manifest is damaged');
  const firstLog = r.u32();
  const tables: number[] = [];
  while (r.remaining > 0) tables.push(r.u32());
  return { firstLog, tables };
}
