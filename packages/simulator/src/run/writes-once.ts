import { toHex } from '@tinykv/base';
import type { Modify } from '@tinykv/model';
import type { Entry } from '@tinykv/raft';
import { decodePayload, nextCommand } from '@tinykv/raftstore';

/**
 * Names of what an entry does that a Region does once at most, if it passes the check of terms at its apply: raw puts,
 * whose values are unique, and the commit of a transaction on a key. A rollback may be written again once the first record
 * of it has been collected.
 */
export function writesOnce({ type, term, data }: Entry): readonly string[] {
  if (type !== 'EntryNormal' || data.length === 0) return [];
  const payload = decodePayload(data);
  if (payload.type !== 'data' || payload.term !== term) return [];
  const names: string[] = [];
  for (;;) {
    const modifies = nextCommand(payload.body);
    if (modifies === undefined) break;
    for (const modify of modifies) {
      const name = nameOf(modify);
      // An entry of an older version is refused at its apply, and its command is sent again.
      if (name !== undefined) names.push(`${name} of version ${payload.version}`);
    }
  }
  return names;
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
