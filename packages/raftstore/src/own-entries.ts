import { decodeEntry, type Entry, encodeEntry, type Message } from '@tinykv/raft';

/**
 * A message of which what outlives its frame is a copy, unless it makes up most of what it would keep alive. Entries
 * stay in a log's memory, and votes wait for a Region to be made, while a frame (or a slab of small buffers) has
 * messages of many Regions: a few bytes of each of them would keep it.
 */
export function ownMessage(message: Message): Message {
  const entries = ownEntries(message.entries);
  const { context } = message;
  const isView = context.length > 0 && context.length < context.buffer.byteLength;
  if (entries === message.entries && !isView) return message;
  return { ...message, entries, context: isView ? context.slice() : context };
}

/** The entries of one message go about at the same time, so they share one buffer. */
function ownEntries(entries: readonly Entry[]): readonly Entry[] {
  const first = entries[0];
  if (first === undefined) return entries;
  let bytes = 0;
  for (const entry of entries) bytes += encodeEntry(entry).length;
  if (bytes * 2 >= encodeEntry(first).buffer.byteLength) return entries;
  const buffer = new Uint8Array(bytes);
  const out: Entry[] = [];
  let at = 0;
  for (const entry of entries) {
    const encoded = encodeEntry(entry);
    buffer.set(encoded, at);
    out.push(decodeEntry(buffer.subarray(at, at + encoded.length)));
    at += encoded.length;
  }
  return out;
}
