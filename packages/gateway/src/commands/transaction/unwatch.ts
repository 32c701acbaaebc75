import { OK } from '../../resp/types.js';
import type { SessionHandler } from '../spec.js';

export const unwatchCommand: SessionHandler = {
  kind: 'session',
  name: 'unwatch',
  run: ({ session }) => {
    session.transaction.unwatch();
    return OK;
  },
};
