import type { Env, Timestamp } from '@tinykv/base';
import type { RegionAccess } from '@tinykv/model';
import { ConcurrencyManager } from './concurrency.js';
import { type DeadlockDetector, LocalDeadlockDetector } from './deadlock-detector.js';
import { InspectCommands } from './inspect-commands.js';
import { LatchedCommands } from './latched-commands.js';
import { LockWaits } from './lock-waits.js';
import { ObservedAccess } from './observed-access.js';
import { OnePhaseGate } from './one-phase-gate.js';
import { PessimisticCommands } from './pessimistic-commands.js';
import { ReadCommands } from './read-commands.js';
import { WriteCommands } from './write-commands.js';

/** The transaction commands of a store, by family. */
export class TxnExecutor {
  readonly reads: ReadCommands;
  readonly writes: WriteCommands;
  readonly locks: PessimisticCommands;
  readonly inspect: InspectCommands;

  /**
   * Without a source of timestamps nothing is committed in one phase; without a detector deadlocks are found among
   * the transactions of this store alone.
   */
  constructor(
    env: Env,
    access: RegionAccess,
    timestamp?: () => Promise<Timestamp>,
    detector: DeadlockDetector = new LocalDeadlockDetector(),
  ) {
    const waits = new LockWaits(env, access, detector);
    const observed = new ObservedAccess(access, (modifies) => waits.onApplied(modifies));
    const commands = new LatchedCommands(env, observed);
    const concurrency = new ConcurrencyManager();
    const gate = timestamp && new OnePhaseGate(concurrency, timestamp, env.logger);
    this.reads = new ReadCommands({ env, access, concurrency, gate });
    this.inspect = new InspectCommands({ env, access, concurrency, gate });
    this.writes = new WriteCommands({ env, commands, concurrency, gate });
    this.locks = new PessimisticCommands({ env, commands, waits, gate });
  }
}
