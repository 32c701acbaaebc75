import { error, OK, type Reply } from '../../resp/types.js';
import type { SessionHandler } from '../spec.js';

const ALONE: Reply = error('ERR DISCARD without MULTI');

export const discardCommand: SessionHandler = {
  kind: 'session',
  name: 'discard',
  passesMulti: true,
  run: ({ session: { transaction } }) => {
    if (!transaction.active) return ALONE;
    transaction.reset();
    return OK;
  },
};
