import type { Env, Timestamp } from '@tinykv/base';
import type { RegionAccess } from '@tinykv/model';
import { ConcurrencyManager } from './concurrency.js';
import { InspectCommands } from './inspect-commands.js';
import { LatchedCommands } from './latched-commands.js';
import { OnePhaseGate } from './one-phase-gate.js';
import { ReadCommands } from './read-commands.js';
import { WriteCommands } from './write-commands.js';

/** The transaction commands of a store, by family. */
export class TxnExecutor {
  readonly reads: ReadCommands;
  readonly writes: WriteCommands;
  readonly inspect: InspectCommands;

  /** Without a source of timestamps nothing is committed in one phase. */
  constructor(env: Env, access: RegionAccess, timestamp?: () => Promise<Timestamp>) {
    const commands = new LatchedCommands(env, access);
    const concurrency = new ConcurrencyManager();
    const gate = timestamp && new OnePhaseGate(concurrency, timestamp, env.logger);
    this.reads = new ReadCommands({ env, access, concurrency, gate });
    this.inspect = new InspectCommands({ env, access, concurrency, gate });
    this.writes = new WriteCommands({ env, commands, concurrency, gate });
  }
}
