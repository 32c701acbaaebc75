import type protobuf from 'protobufjs';
import { loadRoot, PROTO_DIR } from '../scripts/load.js';
import * as proto from '../src/index.js';

/** Any message, its fields by their camelCase names. */
export type AnyMessage = Record<string, unknown>;

/** A `MessageCodec` whose message type is not known. */
export interface AnyCodec {
  readonly name: string;
  readonly fields: ReadonlyMap<number, string>;
  create(init?: AnyMessage): AnyMessage;
  encode(message: AnyMessage): Uint8Array;
  decode(bytes: Uint8Array): AnyMessage;
}

function isCodec(value: unknown): value is AnyCodec {
  return typeof value === 'object' && value !== null && 'mergeFrom' in value;
}

/** Every generated codec of every package. */
export const allCodecs: readonly AnyCodec[] = Object.values(proto)
  .filter((item) => typeof item === 'object')
  .flatMap((namespace): unknown[] => Object.values(namespace))
  .filter(isCodec);

const root = loadRoot(PROTO_DIR);

/** The independent implementation that the generated code is held against. */
export function reflectionOf(codec: AnyCodec): protobuf.Type {
  return root.lookupType(codec.name);
}
