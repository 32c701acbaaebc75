import type { CommandFlag, CommandSpec, ControlCommand, KeyPositions } from '../spec.js';

const BUSY: readonly CommandFlag[] = ['noscript', 'loading', 'stale', 'fast', 'allow_busy'];
const NO_AUTH: readonly CommandFlag[] = [
  'noscript',
  'loading',
  'stale',
  'fast',
  'no_auth',
  'allow_busy',
];

function control(
  name: ControlCommand['control'],
  arity: number,
  flags: readonly CommandFlag[],
  group: ControlCommand['group'],
  keys?: KeyPositions,
): CommandSpec {
  const base = { kind: 'control', control: name, name, arity, flags, group } as const;
  return keys === undefined ? base : { ...base, keys };
}

/** Commands that change how the session takes commands; `session.ts` carries them out. */
export const controlCommands: readonly CommandSpec[] = [
  control('multi', 1, BUSY, 'transaction'),
  control('exec', 1, ['noscript', 'loading', 'stale', 'skip_slowlog'], 'transaction'),
  control('discard', 1, BUSY, 'transaction'),
  control('watch', -2, BUSY, 'transaction', { first: 1, last: -1, step: 1 }),
  control('unwatch', 1, BUSY, 'transaction'),
  control('quit', -1, NO_AUTH, 'connection'),
  control('reset', 1, NO_AUTH, 'connection'),
];
