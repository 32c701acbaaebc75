/** One char per byte, as error texts and names have them. */
export function latin1(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += String.fromCharCode(byte);
  return out;
}

export function latin1Bytes(text: string): Uint8Array {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

/** An option or subcommand, for comparison. */
export function upper(bytes: Uint8Array): string {
  return latin1(bytes).toUpperCase();
}
