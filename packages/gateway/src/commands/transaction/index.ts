import type { Handler } from '../spec.js';
import { discardCommand } from './discard.js';
import { execCommand } from './exec.js';
import { multiCommand } from './multi.js';
import { unwatchCommand } from './unwatch.js';
import { watchCommand } from './watch.js';

export const transactionCommands: readonly Handler[] = [
  multiCommand,
  execCommand,
  discardCommand,
  watchCommand,
  unwatchCommand,
];
