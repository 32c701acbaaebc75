import type { IteratorRange, KvEngine, KvEntry, KvError, Rng } from '@tinykv/base';
import type { SimProcess } from './sim-proc.js';

/** The engine that keeps the data of a store. */
export type EngineKind = 'model' | 'log' | 'level';

/** The batches that a crash of an engine took away. */
export interface EngineLoss {
  readonly kept: number;
  readonly lost: number;
}

/** The process that opens an engine. */
export interface EngineOwner {
  readonly proc: SimProcess;
  /** The engine takes no writes any more: the process must stop. */
  failed(error: KvError): void;
}

/** The engine of a machine: what is left when a process dies. */
export interface MachineEngine {
  /** For one process; what an earlier one still holds of it is of no use any more. */
  open(owner: EngineOwner): Promise<KvEngine>;
  /** The process died and the machine did not: what was written is there, and what was synced is as before. */
  exit(): void;
  /** The power is cut: what no sync covered may be lost. */
  crash(rng: Rng): Promise<EngineLoss>;
  /** Takes over what another one of its kind has, as a copy of the folder would. */
  copyFrom(other: MachineEngine): Promise<void>;
  /** Flips one bit of what is on the disk; false when there is nothing. */
  rot(rng: Rng): Promise<boolean>;
  /** All of a range at once, for a checker: takes no time. */
  peek(range: IteratorRange): Promise<KvEntry[]>;
}

/** All that an engine has in a range. */
export async function entriesOf(
  engine: Pick<KvEngine, 'iterator'>,
  range: IteratorRange,
): Promise<KvEntry[]> {
  const entries: KvEntry[] = [];
  const iterator = engine.iterator(range);
  for (;;) {
    const page = await iterator.next(1_000);
    if (page.length === 0) break;
    entries.push(...page);
  }
  await iterator.close();
  return entries;
}
