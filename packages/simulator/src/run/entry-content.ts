import { toHex } from '@tinykv/base';
import { decodeNewest, type Modify, newestKey } from '@tinykv/model';
import type { Entry } from '@tinykv/raft';
import { decodePayload, nextCommand } from '@tinykv/raftstore';
import type { NewestVersion } from '../checkers/version-order.js';

/** The part of an entry's contents that oracles ask for; nothing of an entry that the check of terms at its apply refuses. */
export interface EntryContent {
  /**
   * Names of what a Region does once at most: raw puts, whose values are unique, and the commit of a transaction on a key. A
   * rollback may be written again once the first record of it has been collected.
   */
  readonly once: readonly string[];
  /** The newest versions of the keys whose record the entry writes. */
  readonly versions: readonly NewestVersion[];
}

const NOTHING: EntryContent = { once: [], versions: [] };

export function contentOf({ type, term, data }: Entry): EntryContent {
  if (type !== 'EntryNormal' || data.length === 0) return NOTHING;
  const payload = decodePayload(data);
  if (payload.type !== 'data' || payload.term !== term) return NOTHING;
  const once: string[] = [];
  const versions: NewestVersion[] = [];
  for (;;) {
    const modifies = nextCommand(payload.body);
    if (modifies === undefined) break;
    for (const modify of modifies) {
      const name = nameOf(modify);
      // An entry of an older version is refused at its apply, and its command is sent again.
      if (name !== undefined) once.push(`${name} of version ${payload.version}`);
      const newest = newestOf(modify, payload.version);
      if (newest !== undefined) versions.push(newest);
    }
  }
  return { once, versions };
}

function newestOf(modify: Modify, regionVersion: number): NewestVersion | undefined {
  if (modify.type !== 'commit' && modify.type !== 'rollback') return undefined;
  const { key, newest, startTs: by } = modify;
  const write = newest && decodeNewest(newestKey(key), newest).write;
  if (write === undefined) return undefined;
  const { startTs, commitTs } = write;
  return { key: `${toHex(key)} of version ${regionVersion}`, by, startTs, commitTs };
}

function nameOf(modify: Modify): string | undefined {
  switch (modify.type) {
    case 'raw-put':
      return uniqueValue(modify.value);
    case 'commit':
      return `the commit of transaction ${modify.startTs} on ${toHex(modify.key)}`;
    default:
      return undefined;
  }
}

/** The unique part of a value of the raw workload. */
function uniqueValue(value: Uint8Array): string | undefined {
  const text = Buffer.from(value.buffer, value.byteOffset, Math.min(value.length, 20));
  return /^<v\d+>/.exec(text.toString('latin1'))?.[0];
}
