import { type KvEngine, utf8 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { locationKey, type Region } from '@tinykv/model';
import type { RecoveredGroup } from '@tinykv/raft';
import type { Group, GroupInit, ReplicaLoop } from '@tinykv/replica';
import { describe, expect, it } from 'vitest';
import { PeerLifecycle } from './lifecycle.js';
import { PeerRegistry } from './registry.js';

const META = { id: 11, storeId: 1, learner: false };
const REGION: Region = {
  id: 3,
  range: { start: locationKey('txn', utf8('m')), end: locationKey('txn', utf8('z')) },
  epoch: { confVer: 1, version: 2 },
  peers: [META, { id: 12, storeId: 2, learner: false }],
};
const ORPHAN: RecoveredGroup = {
  group: 3,
  hardState: { term: 7, vote: 12, commit: 0 },
  truncated: { index: 0, term: 0 },
  lastIndex: 0,
  durableApplied: 0,
  termRuns: [],
};
/** What the group of a peer made by a message has come to: it heard a leader. */
const PROMISED_UNTIL = 5_000;

/** Brings peers into being on a loop that writes down what groups it was asked for. */
function lifecycle(): { lives: PeerLifecycle; made: GroupInit[] } {
  const env = fakeEnv();
  const made: GroupInit[] = [];
  const loop = {
    addGroup: (init: GroupInit) => {
      made.push(init);
      const { hardState } = init.state;
      return { storage: { hardState }, promisedUntil: PROMISED_UNTIL } as unknown as Group;
    },
    removeGroup: () => Promise.resolve(),
    writeLog: () => Promise.resolve(),
  } as unknown as ReplicaLoop;
  const registry = new PeerRegistry(1, 'txn');
  return { lives: new PeerLifecycle(env, {} as KvEngine, loop, registry, () => undefined), made };
}

describe('the peer of a Region that a split has made', () => {
  it('has promised nothing when nobody was here before', async () => {
    const { lives, made } = lifecycle();
    await lives.addChild(REGION, META);
    expect(made.at(-1)).toMatchObject({ recovered: false });
    expect(made.at(-1)).not.toHaveProperty('promisedUntil');
  });

  it('keeps the promise of the peer that a message made before the split was applied here', async () => {
    const { lives, made } = lifecycle();
    lives.addUninitialized(REGION.id, META);
    await lives.addChild(REGION, META);
    expect(made.at(-1)).toMatchObject({ recovered: false, promisedUntil: PROMISED_UNTIL });
  });

  it('may have forgotten a promise when its log is from before the start', async () => {
    const { lives, made } = lifecycle();
    lives.addOrphan(ORPHAN);
    await lives.addChild(REGION, META);
    expect(made.at(-1)).toMatchObject({ recovered: true });
    expect(made.at(-1)?.state.hardState).toMatchObject({ term: 7, vote: 12 });
  });
});

describe('a peer made by a message', () => {
  it('may have forgotten a promise when its log is from before the start', () => {
    const { lives, made } = lifecycle();
    lives.addOrphan(ORPHAN);
    lives.addUninitialized(REGION.id, META);
    expect(made.at(-1)).toMatchObject({ recovered: true });
  });
});
