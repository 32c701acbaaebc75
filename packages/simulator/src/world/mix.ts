/** A hash of bytes for the hash of a run: cheap rather than strong. */
export function mixBytes(bytes: Uint8Array): number {
  let hash = bytes.length;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x0100_0193);
  return hash;
}
