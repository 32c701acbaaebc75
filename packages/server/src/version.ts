import { readFileSync } from 'node:fs';

export interface BuildInfo {
  readonly version: string;
  /** Short hash of the commit that was built, `-dirty` with changes on top; `unknown` without git. */
  readonly commit: string;
}

/** What the build noted beside the compiled code; a run on sources has no such note. */
export function buildInfo(): BuildInfo {
  try {
    const text = readFileSync(new URL('./build-info.json', import.meta.url), 'utf8');
    return JSON.parse(text) as BuildInfo;
  } catch {
    return { version: '0.1.0', commit: 'unknown' };
  }
}

/** The line that `-V` prints. */
export function versionLine(program: string): string {
  const { version, commit } = buildInfo();
  return `${program} ${version} (commit ${commit}, node ${process.version})`;
}
