import { physicalMs } from '@tinykv/base';
import type { Job } from '../job.js';
import { GatewayKvError, type KvReader } from '../kv-port.js';
import { databasePrefix, metaKey } from '../model/keys.js';
import { readMeta, type StoredMeta } from '../model/meta-codec.js';
import { UNPACED } from '../model/pace.js';
import { type EpochTable, nameOf, RedisTxn, type TouchedKey } from '../model/redis-txn.js';
import type { TurnPorts } from './ports.js';
import { TurnTxn } from './turn-txn.js';

/** A command that waits for its keys. */
interface Waiting {
  readonly job: Job;
  missing: number;
  hasFailed: boolean;
}

/** A key of the snapshot, however many commands ask for it. */
interface SnapshotKey {
  readonly key: Uint8Array;
  readonly touched: TouchedKey;
  readonly waiting: Waiting[];
  meta: StoredMeta | undefined;
}

/**
 * Commands of a turn that read several keys, by one snapshot: each key is read once. A command is answered as soon as all of
 * its own are there.
 */
export class SnapshotReads implements KvReader<SnapshotKey> {
  readonly #ports: TurnPorts;
  readonly #table: EpochTable;
  readonly #txn: RedisTxn;
  readonly #keys = new Map<string, SnapshotKey>();

  constructor(ports: TurnPorts, table: EpochTable, ts: bigint) {
    this.#ports = ports;
    this.#table = table;
    const { instance } = ports.gateway.config;
    this.#txn = new RedisTxn(new TurnTxn(ts), instance, table, UNPACED, physicalMs(ts));
  }

  begin(jobs: readonly Job[], timeoutMs: number): void {
    for (const job of jobs) if (!job.isOver) this.#want(job);
    const keys = [...this.#keys.values()];
    if (keys.length === 0) return;
    try {
      this.#ports.kv.readAt(keys, this.#txn.kv.startTs, timeoutMs, this);
    } catch (failure) {
      for (const key of keys) this.onReadFailed(key, failure);
    }
  }

  #want(job: Job): void {
    const waiting: Waiting = { job, missing: 0, hasFailed: false };
    for (const touched of job.work.snapshot!.keys) {
      const name = nameOf(touched);
      let wanted = this.#keys.get(name);
      if (wanted === undefined) {
        wanted = { key: this.#recordOf(touched), touched, waiting: [], meta: undefined };
        this.#keys.set(name, wanted);
      } else if (wanted.waiting.at(-1) === waiting) continue;
      wanted.waiting.push(waiting);
      waiting.missing++;
    }
  }

  #recordOf({ db, key }: TouchedKey): Uint8Array {
    return metaKey(databasePrefix(this.#txn.instance, db, this.#table[db]!), key);
  }

  onRead(key: SnapshotKey, value: Uint8Array | undefined): void {
    key.meta = value && readMeta(value);
    for (const waiting of key.waiting) {
      if (--waiting.missing === 0 && !waiting.hasFailed) this.#answer(waiting.job);
    }
  }

  onReadFailed(key: SnapshotKey, failure: unknown): void {
    for (const waiting of key.waiting) {
      if (waiting.hasFailed) continue;
      waiting.hasFailed = true;
      const isConflict = failure instanceof GatewayKvError && failure.failure === 'conflict';
      if (isConflict) this.#ports.alone(waiting.job);
      else waiting.job.settle(this.#ports.replyTo(failure));
    }
  }

  onReadsTold(): void {
    // Each command is answered by itself.
  }

  #answer(job: Job): void {
    const { keys, step } = job.work.snapshot!;
    this.#txn.restart();
    for (const touched of keys) {
      const { meta } = this.#keys.get(nameOf(touched))!;
      this.#txn.database(touched.db).preload(touched.key, meta);
    }
    let reply: ReturnType<typeof step.apply>;
    try {
      reply = step.apply(this.#txn);
    } catch {
      // It needs more than the records of its keys, or cannot read one: a transaction tells.
      this.#ports.alone(job);
      return;
    }
    job.settle(reply);
  }
}
