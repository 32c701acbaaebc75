import { Changer, type ConfChangeResult } from '../conf-change.js';
import { parseConfChanges } from '../conf-change-text.js';
import { describeConfig, describeProgress, ProgressTracker } from '../tracker.js';
import { argValues, type TraceBlock, type TraceRunner } from './datadriven.js';

/** Runs traces of the configuration changer: `simple`, `enter-joint`, `leave-joint`. */
export function newConfChangeRunner(): TraceRunner {
  const tracker = new ProgressTracker(10, 0);
  let lastIndex = 0;
  return (block) => {
    // The last index tells in `next` with which command a member came in.
    const result = run(new Changer(tracker, lastIndex++), block);
    if (!result.ok) return result.error;
    tracker.config = result.value.config;
    tracker.progress = result.value.progress;
    return `${describeConfig(tracker.config)}\n${describeProgress(tracker.progress)}`;
  };
}

function run(changer: Changer, block: TraceBlock): ConfChangeResult {
  const changes = parseConfChanges(block.input);
  switch (block.command) {
    case 'simple':
      return changer.simple(changes);
    case 'enter-joint':
      return changer.enterJoint(argValues(block, 'autoleave')?.[0] === 'true', changes);
    case 'leave-joint':
      return changes.length > 0
        ? { ok: false, error: 'this command takes no input' }
        : changer.leaveJoint();
    default:
      return { ok: false, error: `unknown command ${block.command}` };
  }
}
