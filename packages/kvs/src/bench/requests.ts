import { ByteReader, ByteWriter, EMPTY_BYTES, type KvEngine } from '@tinykv/base';

const PUT = 1;

/** A request as it comes from a socket: `1 | key | value` puts, `0 | key` gets. */
export function encodeGet(key: Uint8Array): Uint8Array {
  return new ByteWriter(64).u8(0).bytes(key).finish();
}

export function encodePut(key: Uint8Array, value: Uint8Array): Uint8Array {
  return new ByteWriter(64 + value.length).u8(PUT).bytes(key).bytes(value).finish();
}

/** Carries a request out on an engine; the response is the value, or nothing. */
export async function execute(engine: KvEngine, request: Uint8Array): Promise<Uint8Array> {
  const r = new ByteReader(request);
  const kind = r.u8();
  const key = r.bytes();
  if (kind !== PUT) return engine.get(key) ?? EMPTY_BYTES;
  const batch = engine.batch();
  batch.put(key, r.bytes());
  await engine.write(batch, { sync: false });
  return EMPTY_BYTES;
}
