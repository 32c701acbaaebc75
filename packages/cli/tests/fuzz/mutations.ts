import { concatBytes, type Prng } from '@tinykv/base';

/** Bytes that were a request once: what a broken client, a broken cable or an attacker makes of it. */
export function mutate(rng: Prng, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  let out = bytes;
  for (let left = rng.int(1, 4); left > 0; left--) out = mutateOnce(rng, out, other);
  return out;
}

function mutateOnce(rng: Prng, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const at = rng.int(0, bytes.length + 1);
  switch (rng.int(0, 6)) {
    case 0:
      return changed(bytes, at, (byte) => byte ^ (1 << rng.int(0, 8)));
    // A byte that was a length, a tag or a part of a number.
    case 1:
      return changed(bytes, at, () => [0, 1, 0x7f, 0x80, 0xff][rng.int(0, 5)]!);
    case 2:
      return bytes.slice(0, at);
    case 3:
      return concatBytes(bytes.subarray(0, at), other.subarray(rng.int(0, other.length + 1)));
    case 4:
      return concatBytes(bytes.subarray(0, at), rng.bytes(rng.int(1, 8)), bytes.subarray(at));
    default:
      return concatBytes(bytes, bytes.subarray(at));
  }
}

function changed(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const out = bytes.slice();
  if (at < out.length) out[at] = change(out[at]!);
  return out;
}
