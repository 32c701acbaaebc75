import { type Env, type Timestamp, TS_ZERO } from '@tinykv/base';
import type { RegionAccess } from '@tinykv/model';
import { ConcurrencyManager } from './concurrency.js';
import { type DeadlockDetector, LocalDeadlockDetector } from './deadlock-detector.js';
import { GcCommands, type ResolvedUpTo } from './gc-commands.js';
import { InspectCommands } from './inspect-commands.js';
import { LatchedCommands } from './latched-commands.js';
import { LockWaits } from './lock-waits.js';
import { ObservedAccess } from './observed-access.js';
import { OneKeyCommands } from './one-key-commands.js';
import { OnePhaseGate } from './one-phase-gate.js';
import { PessimisticCommands } from './pessimistic-commands.js';
import { ReadCommands } from './read-commands.js';
import { WriteCommands } from './write-commands.js';

/** What a store hears from the rest of its cluster. */
export interface ClusterParts {
  /** Without it deadlocks are found among the transactions of this store alone. */
  readonly detector?: DeadlockDetector;
  /** Without it nothing is collected. */
  readonly resolvedUpTo?: ResolvedUpTo;
}

/** The transaction commands of a store, by family. */
export class TxnExecutor {
  readonly reads: ReadCommands;
  readonly writes: WriteCommands;
  readonly oneKey: OneKeyCommands;
  readonly locks: PessimisticCommands;
  readonly inspect: InspectCommands;
  readonly gc: GcCommands;

  /** Without a source of timestamps nothing is committed in one phase. */
  constructor(
    env: Env,
    access: RegionAccess,
    timestamp?: () => Promise<Timestamp>,
    {
      detector = new LocalDeadlockDetector(),
      resolvedUpTo = async () => TS_ZERO,
    }: ClusterParts = {},
  ) {
    const waits = new LockWaits(env, access, detector);
    const observed = new ObservedAccess(access, (modifies) => waits.onApplied(modifies));
    const commands = new LatchedCommands(env, observed);
    const concurrency = new ConcurrencyManager();
    const gate = timestamp && new OnePhaseGate(env, concurrency, timestamp);
    this.reads = new ReadCommands({ env, access, concurrency, gate });
    this.inspect = new InspectCommands({ env, access, concurrency, gate });
    this.gc = new GcCommands(commands, resolvedUpTo);
    this.writes = new WriteCommands({ commands, concurrency, gate });
    this.oneKey = new OneKeyCommands({ commands, concurrency, gate });
    this.locks = new PessimisticCommands({ env, commands, waits, gate });
  }
}
