import { OK } from '../../resp/types.js';
import type { SessionHandler } from '../spec.js';

export const quitCommand: SessionHandler = {
  kind: 'session',
  name: 'quit',
  passesMulti: true,
  run: ({ session }) => {
    session.quit();
    return OK;
  },
};
