import { assert } from '@tinykv/base';
import { checkBank } from '../checkers/bank.js';
import { checkExecSkew } from '../checkers/exec-skew.js';
import { checkExpiry } from '../checkers/expiry.js';
import type { Verdict, Violation } from '../checkers/history.js';
import { checkLifetimes } from '../checkers/lifetimes.js';
import { checkListAppend } from '../checkers/list-append.js';
import { checkMirror } from '../checkers/mirror.js';
import { registerModel, stringModel } from '../checkers/models.js';
import { checkSkew } from '../checkers/pair-skew.js';
import { checkPairs } from '../checkers/pairs.js';
import { checkPipelines } from '../checkers/pipelines.js';
import { checkRealTime, type Stamped } from '../checkers/real-time.js';
import { checkScans } from '../checkers/scans.js';
import { checkSnapshotReads } from '../checkers/snapshot-reads.js';
import { checkTimeToLive } from '../checkers/time-to-live.js';
import { checkToggles } from '../checkers/toggles.js';
import { checkTso, type TsoGrant } from '../checkers/tso.js';
import { judgeCounters, judgeKeys, mergeVerdicts } from '../checkers/verdict.js';
import { BankWorkload } from '../workloads/bank-workload.js';
import { RawWorkload } from '../workloads/raw-workload.js';
import { RedisSession } from '../workloads/redis-session.js';
import { RedisWorkload } from '../workloads/redis-workload.js';
import { SnapshotWorkload } from '../workloads/snapshot-workload.js';
import { TsoWorkload } from '../workloads/tso-workload.js';
import { TtlWorkload } from '../workloads/ttl-workload.js';
import { ListAppendWorkload } from '../workloads/txn-workload.js';
import type { WorkloadContext } from '../workloads/workload.js';
import type { Plan, WorkloadName } from './plan.js';

/** Share of the seeds with transactions that judge them by snapshots and not by lists. */
const SNAPSHOTS_SHARE = 0.4;

/** For what is on its way to a client, or rounded. */
const EXPIRY_SLACK_MS = 500;

/** The workloads of one run. */
export class Workloads {
  readonly raw: RawWorkload | undefined;
  readonly lists: ListAppendWorkload | undefined;
  readonly bank: BankWorkload | undefined;
  readonly snapshots: SnapshotWorkload | undefined;
  readonly redis: RedisWorkload | undefined;
  readonly tso: TsoWorkload;
  readonly ttl: TtlWorkload | undefined;
  /** Of the counters, when all was healed. */
  finalCounters: ReadonlyMap<string, number> = new Map();
  readonly #context: WorkloadContext;

  constructor({ workload, keys }: Plan, context: WorkloadContext) {
    const wants = (...names: readonly WorkloadName[]): boolean =>
      workload === 'all' || names.includes(workload);
    this.#context = context;
    this.raw = wants('raw', 'churn') ? new RawWorkload(context, keys) : undefined;
    // One of the two in each seed: together they would take the time of two seeds.
    const isSnapshots = context.rng.fork('snapshots or lists').float() < SNAPSHOTS_SHARE;
    this.lists = wants('txn') && !isSnapshots ? new ListAppendWorkload(context, keys) : undefined;
    this.bank = wants('txn', 'churn') ? new BankWorkload(context, keys) : undefined;
    this.snapshots = wants('txn') && isSnapshots ? new SnapshotWorkload(context, keys) : undefined;
    this.redis = wants('redis') ? new RedisWorkload(context, keys) : undefined;
    this.tso = new TsoWorkload(context);
    this.ttl = wants('raw') ? new TtlWorkload(context) : undefined;
  }

  /** Resolves when every client has finished. */
  async run(): Promise<void> {
    await Promise.all([
      this.raw?.run(),
      this.lists?.run(),
      this.bank?.run(),
      this.snapshots?.run(),
      this.redis?.run(),
      this.tso.run(),
      this.ttl?.run(),
    ]);
  }

  /** Judges all histories, and counts what was judged and what was too hard to judge. */
  judge(): Violation[] {
    const { tally } = this.#context;
    const { violations, checked, gaveUp } = mergeVerdicts(this.#verdicts());
    tally.checked += checked;
    if (gaveUp.length > 0) tally.event('history too hard to judge', gaveUp.length);
    return [...violations];
  }

  #verdicts(): Verdict[] {
    const { raw, lists, bank, snapshots, redis, ttl } = this;
    const verdicts = [checkTso(this.#grants()), checkRealTime(this.#stamped())];
    if (raw !== undefined) verdicts.push(judgeKeys(registerModel, raw.histories));
    if (ttl !== undefined) verdicts.push(checkTimeToLive(ttl.histories, ttl.clockErrorMs));
    if (lists !== undefined) verdicts.push(checkListAppend(lists.history));
    if (bank !== undefined) {
      verdicts.push(checkBank(bank.total, bank.reads));
      verdicts.push(checkSnapshotReads(bank.writes, bank.balances));
    }
    if (snapshots !== undefined) {
      verdicts.push(checkSnapshotReads(snapshots.writes, snapshots.reads));
      verdicts.push(checkSkew(snapshots.skewReads));
    }
    if (redis !== undefined) {
      verdicts.push(judgeKeys(stringModel, redis.histories));
      verdicts.push(judgeCounters(redis.counters, this.finalCounters));
      verdicts.push(checkPairs(redis.pairReads));
      verdicts.push(checkPipelines(redis.pipelines));
      verdicts.push(checkScans(redis.scans.scans));
      const { keys, reads } = redis.ttl;
      verdicts.push(checkExpiry(keys, reads, EXPIRY_SLACK_MS));
      verdicts.push(checkLifetimes(redis.lifetimes.reads));
      verdicts.push(checkExecSkew(redis.skew.reads));
      verdicts.push(checkToggles(redis.toggles.toggles));
      verdicts.push(checkMirror(redis.ownStrings.answers));
    }
    return verdicts;
  }

  /** Timestamps that were asked for, and starts of transactions. Commits in one phase get theirs from stores. */
  #grants(): TsoGrant[] {
    const grants = [...this.tso.grants];
    for (const { client, call, ret, startTs } of this.lists?.history ?? []) {
      grants.push({ client, call, ret, last: startTs, count: 1 });
    }
    for (const { client, call, ret, ts } of this.bank?.reads ?? []) {
      grants.push({ client, call, ret, last: ts, count: 1 });
    }
    return grants;
  }

  /** Transactions by their timestamps; all that a client saw begin and end. */
  #stamped(): Stamped[] {
    const writes = [...(this.bank?.writes ?? []), ...(this.snapshots?.writes ?? [])];
    const reads = (this.bank?.reads ?? []).map(({ ts, ...rest }) => ({ ...rest, startTs: ts }));
    return [...writes, ...reads, ...(this.lists?.history ?? [])];
  }

  /** Every key that was ever written is read once all is healed: what was acknowledged must be there. */
  async finalReads(): Promise<void> {
    const { cluster, rng } = this.#context;
    const [node] = cluster.clients;
    const client = node?.client;
    assert(node !== undefined && client !== undefined, 'a healed cluster has a client');
    await this.raw?.finalReads(client);
    await this.lists?.finalReads(client);
    await this.bank?.finalReads(client);
    await this.snapshots?.finalReads(client);
    if (this.redis === undefined) return;
    await this.redis.ttl.untilSwept(client);
    for (const gateway of cluster.gateways) {
      const session = new RedisSession(this.#context, node, rng.fork(gateway.name), gateway);
      this.finalCounters = await this.redis.finalReads(session);
      await this.redis.lifetimes.finalReads(session, client);
    }
  }
}
