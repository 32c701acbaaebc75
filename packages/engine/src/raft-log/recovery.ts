import { CodecError, describeBytes, type LogIndex } from '@tinykv/base';
import { brokenInvariant, type GroupLog } from './group-log.js';
import { dataLoss, decodeState, openEntry, parseKey } from './records.js';

/**
 * Rebuilds the groups from all records in key order: of each group its state, then its entries. Every
 * checksum is checked here, and that nothing is missing between the truncated point and the last entry.
 */
export class Recovery {
  readonly groups: Map<number, GroupLog> = new Map();
  /** Of groups that have entries left from before their truncated point: the first of them. */
  readonly floors: Map<number, LogIndex> = new Map();
  #current: GroupLog | undefined;

  add(key: Uint8Array, value: Uint8Array): void {
    const record = parse(key);
    if (record.kind === 'state') {
      this.#finishGroup();
      this.#current = decodeState(record.group, key, value);
      return;
    }
    const { group, index } = record;
    const log = this.#current;
    if (log?.group !== group) throw lost(group, `entry ${index} has no group state`);
    if (index <= log.truncated.index) {
      if (!this.floors.has(group)) this.floors.set(group, index);
      return;
    }
    if (index !== log.lastIndex + 1) throw lost(group, `entry ${log.lastIndex + 1} is missing`);
    const { term } = openEntry(group, index, key, value);
    const run = log.termRuns.at(-1);
    if (term < (run?.term ?? log.truncated.term))
      throw lost(group, `entry ${index} has term ${term}`);
    this.#current = {
      ...log,
      lastIndex: index,
      termRuns: run?.term === term ? log.termRuns : [...log.termRuns, { first: index, term }],
    };
  }

  finish(): void {
    this.#finishGroup();
  }

  #finishGroup(): void {
    const log = this.#current;
    if (log === undefined) return;
    const broken = brokenInvariant(log);
    if (broken !== undefined) throw lost(log.group, broken);
    this.groups.set(log.group, log);
    this.#current = undefined;
  }
}

function parse(key: Uint8Array): Exclude<ReturnType<typeof parseKey>, undefined> {
  const unknown = `unknown key ${describeBytes(key)}`;
  try {
    const record = parseKey(key);
    if (record !== undefined) return record;
  } catch (error) {
    if (error instanceof CodecError) throw dataLoss(unknown, error);
    throw error;
  }
  throw dataLoss(unknown, new CodecError('not of this format'));
}

function lost(group: number, what: string): Error {
  return dataLoss(`group ${group}`, new Error(what));
}
