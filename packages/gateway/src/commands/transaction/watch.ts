import { limits } from '@tinykv/base';
import { error, OK, type Reply } from '../../resp/types.js';
import type { AloneHandler } from '../spec.js';

const INSIDE: Reply = error('ERR WATCH inside MULTI is not allowed');
const TOO_MANY: Reply = error('ERR too many watched keys');

export const watchCommand: AloneHandler = {
  kind: 'alone',
  name: 'watch',
  passesMulti: true,
  plan: ({ argv, session }) => {
    const { transaction, db } = session;
    const keys = argv.slice(1);
    if (transaction.active) return INSIDE;
    if (keys.length + transaction.watchedKeys > limits.gatewayWatchedKeysMax) return TOO_MANY;
    return {
      client: session,
      writes: [],
      flushes: [],
      batchable: false,
      run: async (txn) => {
        await transaction.watch(txn.database(db), keys);
        return OK;
      },
    };
  },
};
