import { assert, type Timestamp } from '@tinykv/base';
import { type Modify, shortValueBytesMax, type WriteRecord } from '@tinykv/model';
import { placeWrite } from './commit.js';
import { type KeyFacts, newestTs } from './key-view.js';
import type { Mutation } from './prewrite.js';

/**
 * Commits keys that could be prewritten, without locks in between. `commitTs` lies above the start and above
 * every read that was served.
 */
export function commitOnePhase(
  facts: readonly KeyFacts[],
  mutations: readonly Mutation[],
  startTs: Timestamp,
  commitTs: Timestamp,
): Modify[] {
  assert(commitTs > startTs, () => `commit_ts ${commitTs} is not after start_ts ${startTs}`);
  return mutations.map((mutation, i) => commitMutation(facts[i]!, mutation, startTs, commitTs));
}

function commitMutation(
  { key, lock, newest }: KeyFacts,
  mutation: Mutation,
  startTs: Timestamp,
  commitTs: Timestamp,
): Modify {
  assert(lock === undefined && newestTs(newest) < startTs, 'a key that cannot be prewritten');
  const value = mutation.kind === 'put' ? mutation.value : undefined;
  const isLong = value !== undefined && value.length > shortValueBytesMax;
  const { kind } = mutation;
  const write: WriteRecord = { kind, startTs, commitTs, shortValue: isLong ? undefined : value };
  const longValue = isLong ? value : undefined;
  return { ...placeWrite(key, write, newest), longValue, addsValue: value !== undefined };
}
