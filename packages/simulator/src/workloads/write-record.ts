import type { Txn } from '@tinykv/client';
import type { WriteRecord } from '../checkers/snapshot-reads.js';
import { outcomeOf } from './outcome.js';
import { countRefusal, type WorkloadContext } from './workload.js';

/** Who commits, and since when. */
export interface Begun {
  readonly client: number;
  readonly call: number;
}

/**
 * Commits, and keeps what was written. The record is there before the commit begins, with an unknown outcome: a client
 * that dies in the middle leaves it so.
 */
export async function commitRecorded(
  context: WorkloadContext,
  records: WriteRecord[],
  txn: Txn,
  { client, call }: Begun,
  writes: ReadonlyMap<string, string | undefined>,
): Promise<void> {
  const record: WriteRecord = {
    client,
    call,
    ret: Number.POSITIVE_INFINITY,
    outcome: 'unknown',
    startTs: txn.startTs,
    writes,
  };
  records.push(record);
  try {
    record.commitTs = await txn.commit();
    record.ret = context.tick();
    record.outcome = 'ok';
  } catch (error) {
    record.outcome = outcomeOf(error);
    countRefusal(context, error);
    if (record.outcome === 'unknown') context.tally.event('result unknown');
  }
}
