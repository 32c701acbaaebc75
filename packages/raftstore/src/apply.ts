import { assert, type Env, type KvEngine, type Result } from '@tinykv/base';
import { type ApiMode, applyModify, applyStateKey, type RegionError } from '@tinykv/model';
import type { Entry } from '@tinykv/raft';
import type { ApplyWork } from '@tinykv/replica';
import { decodePayload, nextCommand } from './command.js';
import { encodeApplyState } from './local-state.js';
import { appliedOk, type Peer, type Waiter } from './peer.js';
import type { PeerRegistry } from './registry.js';
import type { SafePointMark } from './safe-point.js';

/** What applying data entries needs of the store. */
export interface ApplyHost {
  readonly env: Pick<Env, 'faults'>;
  readonly engine: KvEngine;
  readonly api: ApiMode;
  readonly registry: PeerRegistry;
  readonly safePoint: SafePointMark;
}

interface Answer {
  readonly waiter: Waiter;
  readonly result: Result<void, RegionError>;
}

/**
 * Applies data entries of several Regions as one engine batch, each Region's applied index in the
 * same batch as its data. Waiting clients are answered when the batch is readable.
 */
export async function applyData(host: ApplyHost, work: readonly ApplyWork[]): Promise<void> {
  const { engine, registry, env } = host;
  const batch = engine.batch();
  const answers: Answer[] = [];
  for (const { group, entries } of work) {
    const peer = registry.peers.get(group.id);
    if (peer === undefined || peer.group !== group) continue;
    const before = batch.bytes;
    for (const entry of entries) applyEntry(host, peer, entry, batch, answers);
    const last = entries.at(-1)!;
    const { index, term } = last;
    batch.put(applyStateKey(group.id), encodeApplyState({ index, term }));
    peer.writtenBytes += batch.bytes - before;
  }
  env.faults.hit('apply-before-write');
  await engine.write(batch, { sync: false });
  env.faults.hit('apply-before-answers');
  for (const { waiter, result } of answers) waiter.done(result);
}

function applyEntry(
  host: ApplyHost,
  peer: Peer,
  entry: Entry,
  batch: ReturnType<KvEngine['batch']>,
  answers: Answer[],
): void {
  const waiters = peer.takeWaiters(entry);
  const result = applyPayload(host, peer, entry, batch);
  for (const waiter of waiters) answers.push({ waiter, result });
}

function applyPayload(
  { api, safePoint }: ApplyHost,
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
    for (const modify of command) {
      peer.turnover.count(modify);
      if (modify.type === 'collect') safePoint.collect(modify.safePoint, batch);
      applyModify(api, modify, batch);
    }
  }
}
