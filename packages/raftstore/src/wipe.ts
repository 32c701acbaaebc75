import { type KvEngine, limits } from '@tinykv/base';
import { type ApiMode, type KeyRange, regionRanges } from '@tinykv/model';

/** Removes all data of a range of location keys, in bounded batches. Not durable until a barrier. */
export async function wipeRange(engine: KvEngine, api: ApiMode, range: KeyRange): Promise<void> {
  for (const { start, end } of regionRanges(api, range)) {
    const iterator = engine.iterator({ start, end, keysOnly: true });
    try {
      for (;;) {
        const page = await iterator.next(limits.rangeStepKeys);
        if (page.length === 0) break;
        const batch = engine.batch();
        for (const [key] of page) batch.delete(key);
        await engine.write(batch, { sync: false });
      }
    } finally {
      await iterator.close();
    }
  }
}

/** The same, durably: behind the answer nothing brings the data back but a log that is replayed over it. */
export async function wipeDurably(engine: KvEngine, api: ApiMode, range: KeyRange): Promise<void> {
  await wipeRange(engine, api, range);
  await engine.barrier();
}
