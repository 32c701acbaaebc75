import { EMPTY_BYTES } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { expect, it } from 'vitest';
import { Operators } from './operators.js';
import type { PeerRegistry } from './registry.js';
import type { SplitChecker } from './split-check.js';

/** Orders a transfer from peer 1 to peer 2, who may be silent; whether the leader begins it. */
function begins(isActive: boolean): boolean {
  const epoch = { confVer: 1, version: 1 };
  const peers = [1, 2].map((id) => ({ id, storeId: id, learner: false }));
  const range = { start: EMPTY_BYTES, end: EMPTY_BYTES };
  const transfers: number[] = [];
  const peer = {
    isLeader: true,
    initialized: true,
    meta: peers[0],
    region: { id: 7, range, epoch, peers },
    group: {
      isActive: () => isActive,
      touch: () => undefined,
      node: { transferLeader: (to: number) => transfers.push(to) },
    },
  };
  const registry = { peers: new Map([[7, peer]]) } as unknown as PeerRegistry;
  const operators = new Operators(fakeEnv(), registry, {} as SplitChecker);
  const head = { regionId: 7, epoch, targetPeer: peers[0] };
  operators.handle({ ...head, type: 'transfer-leader', peer: peers[1]! });
  return transfers.length > 0;
}

it('a leader is not handed to a peer that is cut off from it: proposals would wait in vain', () => {
  expect([begins(true), begins(false)]).toEqual([true, false]);
});
