import { exactUtf8, fromExactUtf8, KvError, utf8 } from '@tinykv/base';

/** How values of a program are stored. Keys are ordered by their bytes, so a codec of keys decides on their order. */
export interface Codec<T> {
  encode(value: T): Uint8Array;
  /** Of bytes that `encode` has made, or another program has stored. */
  decode(bytes: Uint8Array): T;
}

/** Bytes as they are. */
export const bytesCodec: Codec<Uint8Array> = { encode: (value) => value, decode: (value) => value };

/**
 * Strings; their order is that of their code points. `encode` throws KvError INVALID_ARGUMENT for a lone surrogate, which
 * has no UTF-8; `decode` FAILED_PRECONDITION for bytes that are no UTF-8.
 */
export const utf8Codec: Codec<string> = { encode: exactUtf8, decode: fromExactUtf8 };

/** Values as JSON.stringify keeps them; not `undefined`. `decode` throws SyntaxError for text that is no JSON, and as that of {@link utf8Codec}. */
export function jsonCodec<T>(): Codec<T> {
  return {
    encode: (value) => {
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined) throw new KvError('INVALID_ARGUMENT', `${typeof value} is no JSON`);
      return utf8(text);
    },
    decode: (bytes) => JSON.parse(fromExactUtf8(bytes)) as T,
  };
}

export interface Codecs<K, V> {
  readonly key: Codec<K>;
  readonly value: Codec<V>;
}
