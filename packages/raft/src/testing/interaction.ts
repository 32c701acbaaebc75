import { CodecError } from '@tinykv/base';
import { describeMismatch, runTrace, type TraceRunner } from './datadriven.js';
import { CommandError, runCommand } from './interaction-commands.js';
import { InteractionEnv } from './interaction-env.js';

/** Runs traces of whole clusters, with a fresh network. */
export function newInteractionRunner(): TraceRunner {
  const env = new InteractionEnv();
  return (block) => {
    try {
      runCommand(env, block);
      return env.output.take();
    } catch (error) {
      // What a node or the trace refuses is output; a broken invariant is not.
      if (!(error instanceof CommandError || error instanceof CodecError)) throw error;
      return env.output.take() + error.message;
    }
  };
}

/** Runs one trace; `diff` tells the first block that printed something else, and is empty if none did. */
export function runInteraction(fileText: string): { readonly ok: boolean; readonly diff: string } {
  const mismatch = runTrace(fileText, newInteractionRunner());
  return mismatch === undefined
    ? { ok: true, diff: '' }
    : { ok: false, diff: describeMismatch(mismatch) };
}
