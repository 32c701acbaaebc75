import { composeTimestamp, EMPTY_BYTES } from '@tinykv/base';
import type { World } from './world.js';

/** A cluster that there is not, for tests of the inputs alone. */
export const testWorld: World = {
  clusterId: 77,
  storeIds: [1, 2, 3],
  storeAddresses: ['127.0.0.1:20160', '127.0.0.1:20161', '127.0.0.1:20162'],
  regions: [
    {
      region: {
        id: 2,
        range: { start: EMPTY_BYTES, end: EMPTY_BYTES },
        epoch: { confVer: 3, version: 1 },
        peers: [1, 2, 3].map((storeId) => ({ id: 10 + storeId, storeId, learner: false })),
      },
      leaderPeerId: 11,
    },
  ],
  timestamps: [1, 2, 3].map((logical) => composeTimestamp(1_700_000_000_000, logical)),
};
