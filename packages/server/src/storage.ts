import { join } from 'node:path';
import type { KvEngine, Logger } from '@tinykv/base';
import {
  LevelEngine,
  LogEngine,
  MemoryEngine,
  MemoryRaftLog,
  NodeLogFiles,
  openLogEngine,
  SegmentedRaftLog,
} from '@tinykv/engine';
import type { RaftLog } from '@tinykv/raft';

export const ENGINES = ['level', 'log', 'memory'] as const;

/** The engine that keeps the data of a store. */
export type EngineKind = (typeof ENGINES)[number];

export function isEngineKind(text: string): text is EngineKind {
  return (ENGINES as readonly string[]).includes(text);
}

export interface EngineHost {
  readonly logger: Logger;
  /** The engine takes no writes any more: the process must stop. */
  failed(error: unknown): void;
}

/** Rejects with FAILED_PRECONDITION when another process has it open, with DATA_LOSS when it is damaged. */
export async function openEngine(
  kind: EngineKind,
  folder: string,
  { logger, failed }: EngineHost,
): Promise<KvEngine> {
  const path = join(folder, 'kv');
  switch (kind) {
    case 'level':
      return LevelEngine.open(path, { failed });
    case 'log':
      return openLogEngine(path, {
        failed,
        hintLost: ({ message }) => logger.warn('a hint is lost', { error: message }),
      });
    case 'memory':
      return new MemoryEngine();
  }
}

/** Why the engine should get no new values, whatever the disk has free; undefined: it may. */
export function fullOf(kv: KvEngine): string | undefined {
  return kv instanceof LogEngine ? kv.full : undefined;
}

/** A log that outlived an engine in memory would not fit to the empty one of the next start. */
export function raftLogFor(kind: EngineKind, folder: string): RaftLog {
  return kind === 'memory'
    ? new MemoryRaftLog()
    : new SegmentedRaftLog(new NodeLogFiles(join(folder, 'raft')));
}
