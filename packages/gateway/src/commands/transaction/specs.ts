import type { ControlHandler } from '../spec.js';

const CONTROLS: readonly ControlHandler['control'][] = [
  'multi',
  'exec',
  'discard',
  'watch',
  'unwatch',
  'quit',
  'reset',
];

/** Commands that change how the session takes commands; `dispatcher.ts` carries them out. */
export const controlCommands: readonly ControlHandler[] = CONTROLS.map((control) => ({
  kind: 'control',
  name: control,
  control,
}));
