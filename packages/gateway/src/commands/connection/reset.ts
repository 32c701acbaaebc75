import { type Reply, simple } from '../../resp/types.js';
import type { SessionHandler } from '../spec.js';

const RESET: Reply = simple('RESET');

/** Makes the session what it was when it began. */
export const resetCommand: SessionHandler = {
  kind: 'session',
  name: 'reset',
  passesMulti: true,
  run: ({ session }) => {
    session.transaction.reset();
    session.db = 0;
    session.name = '';
    session.protocol = 2;
    session.noEvict = false;
    session.setReplyMode('on');
    return RESET;
  },
};
