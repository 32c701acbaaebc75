import { compareBytes, EMPTY_BYTES, equalBytes, nextKey, prefixEnd } from '@tinykv/base';

/**
 * Which keys of a range a scan wants. Keys that begin with the same `nameBytes` bytes are a group; of a group those are
 * wanted whose next bytes are the tag. So one scan passes by what lies between the wanted keys of many groups.
 */
export interface KeyGroups {
  readonly nameBytes: number;
  readonly tag: Uint8Array;
  /** The keys of each group whose rest behind the tag lies below it are wanted, and the first that does not. Empty: all. */
  readonly restEnd: Uint8Array;
}

/** One walk upwards over keys. */
export class GroupWalk {
  readonly #groups: KeyGroups;
  readonly #restAt: number;
  /** The last group of which a key at or above `restEnd` was given. */
  #ended: Uint8Array | undefined;

  constructor(groups: KeyGroups) {
    this.#groups = groups;
    this.#restAt = groups.nameBytes + groups.tag.length;
  }

  /**
   * Undefined: the key is wanted. Otherwise no key below the answer is, which lies above this one; an empty answer is the
   * end of all keys.
   */
  skip(key: Uint8Array): Uint8Array | undefined {
    const { nameBytes, tag } = this.#groups;
    if (key.length < nameBytes) return nextKey(key);
    const order = compareBytes(key.subarray(nameBytes, this.#restAt), tag);
    const name = key.subarray(0, nameBytes);
    if (order < 0) return withTag(name, tag);
    const isEnded = this.#ended !== undefined && equalBytes(this.#ended, name);
    return order > 0 || isEnded ? afterGroup(name) : undefined;
  }

  /** Whether this key, which exists, is wanted: as {@link skip} and {@link give}. */
  takes(key: Uint8Array): boolean {
    if (this.skip(key) !== undefined) return false;
    this.give(key);
    return true;
  }

  /** The wanted key exists. */
  give(key: Uint8Array): void {
    const { nameBytes, restEnd } = this.#groups;
    if (restEnd.length === 0 || compareBytes(key.subarray(this.#restAt), restEnd) < 0) return;
    this.#ended = key.slice(0, nameBytes);
  }
}

function withTag(name: Uint8Array, tag: Uint8Array): Uint8Array {
  const out = new Uint8Array(name.length + tag.length);
  out.set(name);
  out.set(tag, name.length);
  return out;
}

function afterGroup(name: Uint8Array): Uint8Array {
  return name.length === 0 ? EMPTY_BYTES : prefixEnd(name);
}
