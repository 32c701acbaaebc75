import { error, type Reply } from '../../resp/types.js';
import type { AloneHandler } from '../spec.js';

const ALONE: Reply = error('ERR EXEC without MULTI');
const BROKEN: Reply = error('EXECABORT Transaction discarded because of previous errors.');

export const execCommand: AloneHandler = {
  kind: 'alone',
  name: 'exec',
  passesMulti: true,
  plan: ({ session, gateway }) => {
    const { transaction } = session;
    if (!transaction.active) return ALONE;
    if (!transaction.broken) return transaction.work(session, gateway);
    transaction.reset();
    return BROKEN;
  },
  done: ({ session }) => session.transaction.reset(),
};
