import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from '@tinykv/kvs';

const POLL_MS = 100;
/** A status page that hangs is asked again. */
const ANSWER_MS = 1_000;
const GREEN = 32;

/** Says of each process when it serves, and how long that took; until it does, or nobody waits for it any more. */
export async function reportStarts(
  members: readonly Member[],
  print: (line: string) => void,
  isOver: (member: Member) => boolean,
): Promise<void> {
  const startedAt = performance.now();
  await Promise.all(
    members.map(async (member) => {
      const { spec } = member;
      while (!isOver(member)) {
        if (await isReady(spec.statusAddress)) {
          print(startLine(spec.name, performance.now() - startedAt, hasColours()));
          return;
        }
        await sleep(POLL_MS);
      }
    }),
  );
}

/** In the form of the steps of `make up` before it. */
export function startLine(name: string, tookMs: number, coloured: boolean): string {
  const mark = coloured ? `\x1b[${GREEN}m✓\x1b[0m` : '✓';
  return `${mark} ${name.padEnd(12)}${(tookMs / 1000).toFixed(1)} s`;
}

function hasColours(): boolean {
  return process.stdout.isTTY && !process.env['NO_COLOR'];
}

async function isReady(statusAddress: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    return (await fetch(`http://${statusAddress}/ready`, { signal })).ok;
  } catch {
    // The process does not listen yet.
    return false;
  }
}

/** The store that the last line of a log tells to be a tombstone: its process cannot come back. */
export function tombstoneIn(logTail: string): number | undefined {
  const id = /\bstore (\d+) is tombstone$/.exec(logTail.trimEnd())?.[1];
  return id === undefined ? undefined : Number(id);
}
