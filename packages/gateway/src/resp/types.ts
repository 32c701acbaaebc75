/**
 * What a command answers, before it is written in the protocol version of its session. Texts hold one
 * char per byte (latin1), since errors quote what clients sent.
 */
export type Reply =
  | { readonly type: 'simple'; readonly text: string }
  | { readonly type: 'error'; readonly text: string }
  | { readonly type: 'integer'; readonly value: number | bigint }
  | { readonly type: 'bulk'; readonly bytes: Uint8Array }
  | { readonly type: 'null' }
  /** Where RESP2 has `*-1`; RESP3 has one null. */
  | { readonly type: 'null-array' }
  | { readonly type: 'array'; readonly items: readonly Reply[] }
  /** RESP2 flattens it to an array of keys and values in turn. */
  | { readonly type: 'map'; readonly entries: readonly (readonly [Reply, Reply])[] }
  /** An array in RESP2. */
  | { readonly type: 'set'; readonly items: readonly Reply[] }
  /** A bulk string in RESP2. */
  | { readonly type: 'double'; readonly value: number }
  /** A bulk string in RESP2; `txt` in RESP3. */
  | { readonly type: 'verbatim'; readonly text: string }
  /** Inside of an EXEC that has changed the version before it. */
  | { readonly type: 'in-version'; readonly protocol: ProtocolVersion; readonly reply: Reply }
  /** Bytes that are RESP already, written as they are. */
  | { readonly type: 'raw'; readonly bytes: Uint8Array };

/** 2 until a session says HELLO 3. */
export type ProtocolVersion = 2 | 3;

export const OK: Reply = { type: 'simple', text: 'OK' };
export const QUEUED: Reply = { type: 'simple', text: 'QUEUED' };
export const NULL: Reply = { type: 'null' };
export const NULL_ARRAY: Reply = { type: 'null-array' };
export const ZERO: Reply = { type: 'integer', value: 0 };
export const ONE: Reply = { type: 'integer', value: 1 };

export function simple(text: string): Reply {
  return { type: 'simple', text };
}

/** `text` begins with its code: `ERR …`. Line ends become spaces, as they would end the reply. */
export function error(text: string): Reply {
  return { type: 'error', text: text.replace(/[\r\n]+$/, '').replace(/[\r\n]/g, ' ') };
}

export function integer(value: number | bigint): Reply {
  return { type: 'integer', value };
}

export function bulk(bytes: Uint8Array): Reply {
  return { type: 'bulk', bytes };
}

export function array(items: readonly Reply[]): Reply {
  return { type: 'array', items };
}

/** Bytes of a reply beside those that it carries. */
const REPLY_BYTES = 64;

/** About the memory that a reply holds. */
export function replyMemory(reply: Reply): number {
  switch (reply.type) {
    case 'bulk':
    case 'raw':
      return REPLY_BYTES + reply.bytes.length;
    case 'simple':
    case 'error':
    case 'verbatim':
      return REPLY_BYTES + reply.text.length;
    case 'in-version':
      return REPLY_BYTES + replyMemory(reply.reply);
    case 'array':
    case 'set':
      return reply.items.reduce((sum, item) => sum + replyMemory(item), REPLY_BYTES);
    case 'map':
      return reply.entries.reduce(
        (sum, [key, value]) => sum + replyMemory(key) + replyMemory(value),
        REPLY_BYTES,
      );
    default:
      return REPLY_BYTES;
  }
}
