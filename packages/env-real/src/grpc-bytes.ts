/** The same memory as a Buffer, which is what grpc-js wants. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Messages are encoded and decoded above the network. */
export function identity(bytes: Buffer): Buffer {
  return bytes;
}
