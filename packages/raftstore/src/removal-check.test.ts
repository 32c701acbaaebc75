import { limits } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import type { Region } from '@tinykv/model';
import { expect, it } from 'vitest';
import type { Peer } from './peer.js';
import { RemovalCheck } from './removal-check.js';

const range = { start: new Uint8Array(), end: new Uint8Array() };

function region(confVer: number, ...ids: readonly number[]): Region {
  const peers = ids.map((id) => ({ id, storeId: id, learner: false }));
  return { id: 3, range, epoch: { confVer, version: 1 }, peers };
}

/** Whether peer 2, which knows membership 5 and has been told of another, goes when the scheduler says so. */
async function goes(known: Region | undefined, heardConfVer = 0): Promise<boolean> {
  const meta = { id: 2, storeId: 2, learner: false };
  const peer = { region: region(5, 1, 2), meta, heardConfVer } as unknown as Peer;
  let gone = false;
  const check = new RemovalCheck({
    env: fakeEnv(),
    scheduler: { getRegionById: async () => known && { region: known, leader: undefined } },
    registry: { peers: new Map([[3, peer]]) },
    destroy: () => {
      gone = true;
    },
  });
  check.ask(peer);
  await new Promise((resolve) => setImmediate(resolve));
  return gone;
}

it('a peer goes when a newer membership is without it', async () => {
  expect(await goes(region(6, 1))).toBe(true);
  expect(await goes(region(6, 1, 2))).toBe(false);
  expect(await goes(region(5, 1))).toBe(false);
  expect(await goes(undefined)).toBe(false);
});

it('a peer stays when it has been told of a membership that the scheduler does not know yet', async () => {
  expect(await goes(region(6, 1), 6)).toBe(false);
  expect(await goes(region(6, 1), 7)).toBe(false);
  expect(await goes(region(8, 1), 7)).toBe(true);
});

it('a membership that a stranger has made up keeps no peer for ever', async () => {
  expect(await goes(region(6, 1), 2 ** 50)).toBe(true);
  expect(await goes(region(6, 1), 6 + limits.epochStepMax)).toBe(false);
  expect(await goes(region(6, 1), 7 + limits.epochStepMax)).toBe(true);
});
