import { setTimeout as sleep } from 'node:timers/promises';
import { KvError } from '@tinykv/base';
import { EXIT } from '@tinykv/server';

const CLEAR_SCREEN = '\x1b[2J\x1b[H';

/** Runs a command every so many seconds until Ctrl-C. A cluster that is away for a while is no end. */
export async function repeat(once: () => Promise<number>, seconds: number): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  while (!stop.signal.aborted) {
    if (process.stdout.isTTY) process.stdout.write(CLEAR_SCREEN);
    try {
      await once();
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      process.stdout.write(`${error.message}\n`);
    }
    await sleep(seconds * 1000, undefined, { signal: stop.signal }).catch(onAbort);
  }
  return EXIT.ok;
}

function onAbort(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw error;
}
