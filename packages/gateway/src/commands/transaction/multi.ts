import { error, OK, type Reply } from '../../resp/types.js';
import type { SessionHandler } from '../spec.js';

const NESTED: Reply = error('ERR MULTI calls can not be nested');

export const multiCommand: SessionHandler = {
  kind: 'session',
  name: 'multi',
  passesMulti: true,
  run: ({ session: { transaction } }) => {
    if (transaction.active) return NESTED;
    transaction.begin();
    return OK;
  },
};
