import type { WorkloadContext } from './workload.js';

/** The client of reads that are made when all is healed, in histories. */
export const FINAL_CLIENT = 1_000;

const PAUSE_MS = 200;

/**
 * Reads until there is an answer, which a healed cluster gives in the end; the run has a deadline for all final reads.
 * `read` returns undefined when there was none.
 */
export async function untilRead<T>(
  { cluster }: WorkloadContext,
  read: () => Promise<T | undefined>,
): Promise<T> {
  for (;;) {
    try {
      const answer = await read();
      if (answer !== undefined) return answer;
    } catch (error) {
      cluster.world.log('run', 'a final read failed', { error: String(error) });
    }
    await cluster.world.sleep(PAUSE_MS, 'final read');
  }
}
