import type { Violation } from '../checkers/history.js';
import { BankWorkload } from '../workloads/bank-workload.js';
import { RawWorkload } from '../workloads/raw-workload.js';
import { RedisSession } from '../workloads/redis-session.js';
import { RedisWorkload } from '../workloads/redis-workload.js';
import { TsoWorkload } from '../workloads/tso-workload.js';
import { ListAppendWorkload } from '../workloads/txn-workload.js';
import type { WorkloadContext } from '../workloads/workload.js';
import type { Plan, WorkloadName } from './plan.js';

/** The workloads of one run. */
export class Workloads {
  readonly raw: RawWorkload | undefined;
  readonly lists: ListAppendWorkload | undefined;
  readonly bank: BankWorkload | undefined;
  readonly redis: RedisWorkload | undefined;
  readonly tso: TsoWorkload;
  /** Of the counters, when all was healed. */
  finalCounters: ReadonlyMap<string, number> = new Map();
  readonly #context: WorkloadContext;

  constructor({ workload, keys }: Plan, context: WorkloadContext) {
    const wants = (...names: readonly WorkloadName[]): boolean =>
      workload === 'all' || names.includes(workload);
    this.#context = context;
    this.raw = wants('raw', 'churn') ? new RawWorkload(context, keys) : undefined;
    this.lists = wants('txn') ? new ListAppendWorkload(context, keys) : undefined;
    this.bank = wants('txn', 'churn') ? new BankWorkload(context, keys) : undefined;
    this.redis = wants('redis') ? new RedisWorkload(context, keys) : undefined;
    this.tso = new TsoWorkload(context);
  }

  /** Resolves when every client has finished. */
  async run(): Promise<void> {
    await Promise.all([
      this.raw?.run(),
      this.lists?.run(),
      this.bank?.run(),
      this.redis?.run(),
      this.tso.run(),
    ]);
  }

  judge(): Violation[] {
    return [];
  }

  /** What must be read once all is healed. */
  async finalReads(): Promise<void> {
    if (this.redis === undefined) return;
    const rng = this.#context.rng.fork('final');
    const session = new RedisSession(this.#context, this.#context.cluster.clients[0]!, rng);
    this.finalCounters = await this.redis.finalValues(session);
  }
}
