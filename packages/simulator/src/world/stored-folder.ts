import type { KvEngine, KvEntry } from '@tinykv/base';

/** A file by its name. */
export type NamedBytes = readonly [name: string, bytes: Uint8Array];

/** A data folder that a machine begins with: how a build of another day left it. */
export interface StoredFolder {
  /** The files of the Raft log. */
  readonly log: readonly NamedBytes[];
  /** All that the engine holds. */
  readonly entries: readonly KvEntry[];
  /** Beside the log and the engine. */
  readonly files: readonly NamedBytes[];
}

/** Durable when it resolves. */
export async function fillEngine(engine: KvEngine, entries: readonly KvEntry[]): Promise<void> {
  const batch = engine.batch();
  for (const [key, value] of entries) batch.put(key, value);
  await engine.write(batch, { sync: false });
  await engine.barrier();
  await engine.close();
}
