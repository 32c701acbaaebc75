import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { newConfChangeRunner } from '../src/testing/conf-change-env.js';
import { describeMismatch, runTrace, type TraceRunner } from '../src/testing/datadriven.js';
import { newInteractionRunner } from '../src/testing/interaction.js';
import { runQuorumBlock } from '../src/testing/quorum-env.js';

export interface TraceFile {
  /** Relative to the folder of all traces: `quorum/joint_commit.txt`. */
  readonly name: string;
  /** Returns undefined, or the first block that prints something else than it must. */
  run(): string | undefined;
}

/** Each kind of trace, with what makes a fresh runner for one file. */
const runnersByFolder: ReadonlyMap<string, () => TraceRunner> = new Map([
  ['confchange', newConfChangeRunner],
  ['interaction', newInteractionRunner],
  ['quorum', () => runQuorumBlock],
]);

/** All traces under the folder, by kind and name. */
export function traceFiles(folder: string): TraceFile[] {
  const files: TraceFile[] = [];
  for (const [kind, newRunner] of runnersByFolder) {
    const subfolder = path.join(folder, kind);
    if (!existsSync(subfolder)) continue;
    const names = readdirSync(subfolder).filter((name) => name.endsWith('.txt'));
    for (const name of names.sort()) {
      files.push({
        name: `${kind}/${name}`,
        run: () => run(path.join(subfolder, name), newRunner),
      });
    }
  }
  return files;
}

function run(file: string, newRunner: () => TraceRunner): string | undefined {
  try {
    const mismatch = runTrace(readFileSync(file, 'utf8'), newRunner());
    return mismatch === undefined ? undefined : describeMismatch(mismatch);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
