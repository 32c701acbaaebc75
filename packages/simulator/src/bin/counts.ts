import { writeFileSync } from 'node:fs';

/** As every suite reports to the script that adds them up. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

export function writeCounts(path: string | undefined, counts: Counts): void {
  if (path !== undefined) writeFileSync(path, `${JSON.stringify(counts)}\n`);
}
