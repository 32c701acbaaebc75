/** A request: the command's name and its arguments, each with memory of its own. Empty ones share theirs. */
export type Request = readonly Uint8Array[];

/** Bytes that V8 takes for a small array of bytes beside the bytes, with its place among the arguments. */
const ARGUMENT_BYTES = 240;
/** Its place alone. */
const EMPTY_ARGUMENT_BYTES = 16;
const REQUEST_BYTES = 128;

export function argumentMemory(argument: Uint8Array): number {
  return argument.length === 0 ? EMPTY_ARGUMENT_BYTES : argument.length + ARGUMENT_BYTES;
}

/** The memory that a request holds. */
export function requestMemory(request: Request): number {
  let bytes = REQUEST_BYTES;
  for (const argument of request) bytes += argumentMemory(argument);
  return bytes;
}

/** The bytes by which a request travels as an array of bulk strings. */
export function wireBytes(request: Request): number {
  let bytes = lineBytes(request.length);
  for (const argument of request) bytes += lineBytes(argument.length) + argument.length + 2;
  return bytes;
}

/** Bytes of a mark, a number and a line end. */
function lineBytes(value: number): number {
  return 3 + String(value).length;
}
