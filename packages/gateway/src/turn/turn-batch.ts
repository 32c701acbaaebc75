import { physicalMs } from '@tinykv/base';
import type { Job } from '../job.js';
import { GatewayKvError, type KvReader, type KvWriter, type KvWritten } from '../kv-port.js';
import { databasePrefix, metaKey } from '../model/keys.js';
import { isExpired, PLAIN_HEADS, readMeta, type StoredMeta } from '../model/meta-codec.js';
import { UNPACED } from '../model/pace.js';
import { type EpochTable, RedisTxn } from '../model/redis-txn.js';
import type { Reply } from '../resp/types.js';
import { boundedTime, type ExpiringRead } from './expiring.js';
import type { KeyGroup } from './key-group.js';
import type { TurnPorts } from './ports.js';
import { SnapshotReads } from './snapshot-reads.js';
import { TurnTxn } from './turn-txn.js';

/** The values that an overwriting command may replace without a look at them. */
const PLAIN = { type: 'head', heads: PLAIN_HEADS, orAbsent: true } as const;

/** A transaction that serves one key after the other, at one time. */
class StepTxn {
  readonly #kv: TurnTxn;
  readonly #txn: RedisTxn;

  constructor(ts: bigint, instance: number, table: EpochTable, nowMs: number) {
    this.#kv = new TurnTxn(ts);
    this.#txn = new RedisTxn(this.#kv, instance, table, UNPACED, nowMs);
  }

  get nowMs(): number {
    return this.#txn.nowMs;
  }

  /**
   * Runs the commands of a key on what it holds. False: it was not looked at, since the first one was to overwrite it, and
   * that one answered an error, so that the others need what is there.
   */
  run(group: KeyGroup, meta: StoredMeta | undefined): boolean {
    const { db, key } = group.touched;
    const { jobs, use } = group;
    this.#kv.begin(group.key);
    this.#txn.restart();
    this.#txn.database(db).preload(key, meta);
    for (const [i, job] of jobs.entries()) {
      if (i > 0 && use === 'overwrites' && !this.hasWrites) return false;
      job.pending = job.work.step!.apply(this.#txn);
    }
    return true;
  }

  get hasWrites(): boolean {
    return this.#txn.hasWrites;
  }
  get isWide(): boolean {
    return this.#kv.isWide;
  }
  get value(): Uint8Array | undefined {
    return this.#kv.value;
  }

  /** Makes what was written the write of the group. */
  writeTo(group: KeyGroup): void {
    group.value = this.#kv.value;
    group.companions = this.#kv.companions;
    group.expiries = [...this.#txn.expiries];
  }
}

/**
 * The groups of one turn on their way: one timestamp for all that write, one message of reads and one of writes for each
 * Region. The steps between are synchronous. Each group has an outcome of its own.
 */
export class TurnBatch implements KvReader<KeyGroup>, KvWriter<KeyGroup> {
  readonly #ports: TurnPorts;
  readonly #table: EpochTable;
  /** When the time that the store may use is over (monotonic ms): reads and writes share it. */
  readonly #endMono: number;
  readonly #sentMono: number;
  /** For reads, which need no time unless their key expires. */
  readonly #untimed: StepTxn;
  /** For writes, once their timestamp has come. */
  #timed: StepTxn | undefined;
  #ts = 0n;
  #writes: KeyGroup[] = [];
  #expiring: ExpiringRead[] = [];

  constructor(ports: TurnPorts, table: EpochTable, timeoutMs: number) {
    this.#ports = ports;
    this.#table = table;
    this.#endMono = ports.env.clock.mono() + timeoutMs;
    this.#sentMono = ports.gateway.ttlClock.mono();
    this.#untimed = this.#txnAt(0n, 0);
  }

  get #leftMs(): number {
    return Math.max(1, this.#endMono - this.#ports.env.clock.mono());
  }

  begin(groups: readonly KeyGroup[], snapshots: readonly Job[]): void {
    const { instance } = this.#ports.gateway.config;
    const reads: KeyGroup[] = [];
    const timed: KeyGroup[] = [];
    for (const group of groups) {
      const { db, key } = group.touched;
      group.begin(metaKey(databasePrefix(instance, db, this.#table[db]!), key), this);
      if (group.use !== 'overwrites') reads.push(group);
      if (group.use !== 'reads') timed.push(group);
    }
    if (timed.length > 0 || snapshots.length > 0) this.#fetchTime(timed, snapshots);
    if (reads.length === 0) return;
    try {
      this.#ports.kv.readNewest(reads, this.#leftMs, this);
    } catch (failure) {
      for (const group of reads) this.onReadFailed(group, failure);
    }
  }

  #fetchTime(groups: readonly KeyGroup[], snapshots: readonly Job[]): void {
    void this.#timestamp().then(
      (ts) => {
        this.#ts = ts;
        this.#timed = this.#txnAt(ts, physicalMs(ts));
        for (const group of groups) {
          if (group.use === 'overwrites' || group.isRead) this.#step(group, this.#timed);
        }
        this.#sendWrites();
        if (snapshots.length === 0) return;
        new SnapshotReads(this.#ports, this.#table, ts).begin(snapshots, this.#leftMs);
      },
      (failure: unknown) => {
        for (const group of groups) this.#fail(group, failure);
        if (snapshots.length === 0) return;
        const reply = this.#ports.replyTo(failure);
        for (const job of snapshots) job.settle(reply);
      },
    );
  }

  async #timestamp(): Promise<bigint> {
    const { kv, gateway } = this.#ports;
    const sentMono = gateway.ttlClock.mono();
    const ts = await kv.timestamp();
    gateway.ttlClock.observe(ts, sentMono);
    return ts;
  }

  #txnAt(ts: bigint, nowMs: number): StepTxn {
    return new StepTxn(ts, this.#ports.gateway.config.instance, this.#table, nowMs);
  }

  onRead(group: KeyGroup, value: Uint8Array | undefined, commitTs: bigint): void {
    if (group.owner !== this) return;
    group.isRead = true;
    group.found = value;
    group.version = commitTs;
    if (group.use === 'reads') this.#answer(group);
    else if (this.#timed !== undefined) this.#step(group, this.#timed);
  }

  onReadFailed(group: KeyGroup, failure: unknown): void {
    this.#fail(group, failure);
  }

  onReadsTold(): void {
    this.#sendWrites();
    if (this.#expiring.length === 0) return;
    const expiring = this.#expiring;
    this.#expiring = [];
    void this.#timestamp().then(
      (ts) => this.#answerExpiring(expiring, this.#txnAt(ts, physicalMs(ts))),
      (failure: unknown) => this.#answerWithoutTime(expiring, failure),
    );
  }

  /** Answers reads, which need no snapshot unless the key is a large object or may have expired. */
  #answer(group: KeyGroup): void {
    const meta = group.found && readMeta(group.found);
    if (typeof meta !== 'object') this.#answerBy(group, meta, this.#untimed);
    else if (meta.id !== undefined) this.#ports.widen(group);
    else if (meta.expireAtMs !== undefined) this.#expiring.push({ group, meta });
    else this.#answerBy(group, meta, this.#untimed);
  }

  /** Alive at this timestamp, it was alive when it was read; expired at it, another value may have stood between. */
  #answerExpiring(expiring: readonly ExpiringRead[], txn: StepTxn): void {
    for (const { group, meta } of expiring) {
      if (isExpired(meta, txn.nowMs)) this.#ports.widen(group);
      else this.#answerBy(group, meta, txn);
    }
  }

  #answerWithoutTime(expiring: readonly ExpiringRead[], failure: unknown): void {
    for (const { group, meta } of expiring) {
      try {
        if (!(failure instanceof GatewayKvError) || failure.failure !== 'unavailable')
          throw failure;
        const { ttlClock } = this.#ports.gateway;
        const nowMs = boundedTime(ttlClock, meta, this.#sentMono, failure);
        this.#answerBy(group, meta, this.#txnAt(0n, nowMs));
      } catch (error) {
        this.#fail(group, error);
      }
    }
  }

  #answerBy(group: KeyGroup, meta: StoredMeta | undefined, txn: StepTxn): void {
    try {
      txn.run(group, meta);
    } catch (failure) {
      if (group.jobs.length === 1) this.#fail(group, failure);
      else {
        // Another command may take the record: whose error it is shows each by itself.
        group.owner = undefined;
        this.#ports.apart(group);
      }
      return;
    }
    this.#settle(group);
  }

  /** Runs the commands of a key that write, at the time of the turn. */
  #step(group: KeyGroup, txn: StepTxn): void {
    if (group.owner !== this) return;
    const { use, found } = group;
    const meta = use === 'overwrites' ? undefined : found && readMeta(found);
    if (typeof meta === 'object' && meta.id !== undefined) {
      this.#ports.widen(group);
      return;
    }
    try {
      if (!txn.run(group, meta)) {
        group.lookFirst();
        this.#ports.again(group);
        return;
      }
    } catch {
      // A transaction tells what it is, for each command by itself.
      this.#ports.widen(group);
      return;
    }
    if (!txn.hasWrites) {
      // It had expired by the timestamp, but perhaps not yet when it was read, and another value may have stood between.
      const isPast = typeof meta === 'object' && isExpired(meta, txn.nowMs);
      if (isPast) this.#ports.widen(group);
      else this.#settle(group);
    } else if (txn.isWide || (txn.value === undefined && meta === undefined)) {
      // A key that comes and goes leaves a version for those who watch it; a delete of nothing leaves none.
      this.#ports.widen(group);
    }
    // A command that was answered as not applied never is.
    else if (group.jobs.some((job) => job.isOver)) this.#ports.again(group);
    else {
      group.ts = this.#ts;
      txn.writeTo(group);
      group.condition = use === 'overwrites' ? PLAIN : { type: 'version', version: group.version };
      this.#writes.push(group);
    }
  }

  #sendWrites(): void {
    const writes = this.#writes;
    if (writes.length === 0) return;
    this.#writes = [];
    this.#ports.env.faults.hit('gateway-before-one-key-write');
    for (const { jobs } of writes) for (const job of jobs) job.decide();
    try {
      this.#ports.kv.writeOneKeys(writes, this.#leftMs, this);
    } catch (failure) {
      for (const group of writes) this.onWriteFailed(group, failure);
    }
  }

  onWritten(group: KeyGroup, written: KvWritten): void {
    this.#noteExpiries(group);
    if (written === 'written') {
      this.#settle(group);
      return;
    }
    for (const job of group.jobs) job.undecide();
    if (written === 'apart') this.#ports.gateway.stats.expiriesApart++;
    if (written === 'unready' || written === 'apart') this.#ports.widen(group);
    else if (group.use !== 'overwrites') this.#ports.conflict(group);
    else {
      // The key holds what has to be cleared away, or kept.
      group.lookFirst();
      this.#ports.again(group);
    }
  }

  #noteExpiries({ expiries }: KeyGroup): void {
    this.#ports.gateway.expiries.noteWritten(expiries);
  }

  onWriteFailed(group: KeyGroup, failure: unknown): void {
    this.#noteExpiries(group);
    if (failure instanceof GatewayKvError && failure.failure === 'undetermined') {
      const reply = this.#ports.replyTo(failure);
      for (const job of group.jobs) job.settle(reply);
      this.#ports.done(group);
      return;
    }
    for (const job of group.jobs) job.undecide();
    this.#fail(group, failure);
  }

  /** Nothing was applied. */
  #fail(group: KeyGroup, failure: unknown): void {
    if (group.owner !== this) return;
    group.owner = undefined;
    if (failure instanceof GatewayKvError && failure.failure === 'conflict') {
      this.#ports.conflict(group);
    } else if (group.use !== 'reads' && group.jobs.length > 1) {
      // One of them may be the reason.
      this.#ports.apart(group);
    } else {
      const reply = this.#ports.replyTo(failure);
      for (const job of group.jobs) job.settle(reply);
      this.#ports.done(group);
    }
  }

  #settle(group: KeyGroup): void {
    for (const job of group.jobs) job.settle(job.pending as Reply);
    this.#ports.done(group);
  }
}
