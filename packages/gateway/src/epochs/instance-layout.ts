import { ByteReader, ByteWriter, CodecError, equalBytes } from '@tinykv/base';
import { type GatewayKv, GatewayKvError } from '../kv-port.js';
import { instanceBounds, layoutKey } from '../model/keys.js';

/**
 * How the keys of an instance lie in the store. 1 had no record of it, and its expiry entries in one range for each
 * database, in the order of time.
 */
const LAYOUT = 2;
const FIRST_LAYOUT = 1;

/**
 * Makes sure that the instance has the layout of this gateway, which it gives to an empty one. Throws GatewayKvError
 * `unavailable` for another layout, whose keys this gateway would not find.
 */
export async function checkLayout(kv: GatewayKv, instance: number): Promise<void> {
  const txn = await kv.begin();
  const key = layoutKey(instance);
  const record = await txn.get(key);
  const found = record === undefined ? undefined : decodeLayout(record);
  if (found === LAYOUT) return txn.rollback();
  const { start, end } = instanceBounds(instance);
  const others = await txn.scan(start, end, 2, { keyOnly: true });
  if (others.every((other) => equalBytes(other.key, key)) && found === undefined) {
    txn.put(key, encodeLayout(LAYOUT));
    return txn.commit();
  }
  await txn.rollback();
  throw new GatewayKvError('unavailable', describe(instance, found ?? FIRST_LAYOUT));
}

function describe(instance: number, found: number): string {
  const which = found < LAYOUT ? 'earlier' : 'later';
  return (
    `the keys of instance ${instance} are laid out by ${which} gateways (layout ${found}, here ${LAYOUT}): ` +
    `serve them by gateways of that version, and copy them to another --instance of these`
  );
}

function encodeLayout(layout: number): Uint8Array {
  return new ByteWriter(4).u32(layout).finish();
}

/** Something else in its place is of no layout that this gateway knows. */
function decodeLayout(bytes: Uint8Array): number {
  try {
    return new ByteReader(bytes).u32();
  } catch (error) {
    if (error instanceof CodecError) return Number.MAX_SAFE_INTEGER;
    throw error;
  }
}
