import { assert, type KvEngine, type Result } from '@tinykv/base';
import { type ApiMode, applyModify, applyStateKey, type RegionError } from '@tinykv/model';
import type { Entry } from '@tinykv/raft';
import type { ApplyWork } from '@tinykv/replica';
import { decodePayload, nextCommand } from './command.js';
import { encodeApplyState } from './local-state.js';
import { appliedOk, type Peer, type Waiter } from './peer.js';

interface Answer {
  readonly waiter: Waiter;
  readonly result: Result<void, RegionError>;
}

/**
 * Applies data entries of several Regions as one engine batch, each Region's applied index in the
 * same batch as its data. Waiting clients are answered when the batch is readable.
 */
export async function applyData(
  engine: KvEngine,
  api: ApiMode,
  work: readonly ApplyWork[],
  peerOf: (regionId: number) => Peer | undefined,
): Promise<void> {
  const batch = engine.batch();
  const answers: Answer[] = [];
  for (const { group, entries } of work) {
    const peer = peerOf(group.id);
    if (peer === undefined || peer.group !== group) continue;
    const before = batch.bytes;
    for (const entry of entries) applyEntry(api, peer, entry, batch, answers);
    const last = entries.at(-1)!;
    batch.put(applyStateKey(group.id), encodeApplyState({ index: last.index, term: last.term }));
    peer.writtenBytes += batch.bytes - before;
  }
  await engine.write(batch, { sync: false });
  for (const { waiter, result } of answers) waiter.done(result);
}

function applyEntry(
  api: ApiMode,
  peer: Peer,
  entry: Entry,
  batch: ReturnType<KvEngine['batch']>,
  answers: Answer[],
): void {
  const waiters = peer.takeWaiters(entry.index, entry.term);
  const result = applyPayload(api, peer, entry, batch);
  for (const waiter of waiters) answers.push({ waiter, result });
}

function applyPayload(
  api: ApiMode,
  peer: Peer,
  entry: Entry,
  batch: ReturnType<KvEngine['batch']>,
): Result<void, RegionError> {
  const payload = decodePayload(entry.data);
  if (payload.type === 'empty') return appliedOk;
  assert(
    payload.type === 'data',
    () => `entry ${entry.index} of region ${peer.region.id} is fenced`,
  );
  // Decided from facts read in one term, so good in that term's entries only.
  if (payload.term !== entry.term) return { ok: false, error: { type: 'stale-command' } };
  // A split between proposal and apply: the keys may live elsewhere now.
  if (payload.version !== peer.region.epoch.version) {
    return { ok: false, error: { type: 'epoch-not-match', currentRegions: [peer.region] } };
  }
  for (;;) {
    const command = nextCommand(payload.body);
    if (command === undefined) return appliedOk;
    for (const modify of command) applyModify(api, modify, batch);
  }
}
