import {
  type GatewayKv,
  GatewayKvError,
  type KvFailure,
  type KvPair,
  type KvRead,
  type KvReader,
  type KvTxn,
  type KvVersions,
  type KvWrite,
  type KvWriter,
} from '../kv-port.js';
import type { MemoryKv } from './memory-kv.js';

/**
 * What becomes of one commit: it works; it fails and nothing was applied; or it is applied and the answer
 * is lost.
 */
export type CommitFate = 'ok' | KvFailure | 'applied-then-lost';

/** The store in memory, whose commits go as a script says. */
export class FaultyKv implements GatewayKv {
  readonly #kv: MemoryKv;
  /** Fates of the next commits of data; then all work. */
  readonly script: CommitFate[] = [];
  /** Commits that were tried, by their fate. */
  readonly fates: CommitFate[] = [];
  /** Runs before a commit of data is decided. */
  beforeCommit: (() => Promise<void>) | undefined;
  /** Makes every call wait for it: reads, timestamps and commits. */
  gate: Promise<void> | undefined;

  /** The scheduler is away: there are no timestamps, and so no transactions. Stores go on. */
  schedulerAway = false;
  /** Of reads of versions, as on a slow machine: runs before each is served. */
  beforeVersions: (() => Promise<void>) | undefined;
  /** Of reads of versions: keeps the answer back. */
  afterVersions: (() => Promise<void>) | undefined;

  /** Hears what each scan has read, and keeps it back. */
  afterScan: ((pairs: readonly KvPair[]) => Promise<void>) | undefined;
  /** Hears how many keys each read of many asks for. */
  beforeBatchGet: ((keys: number) => void) | undefined;

  constructor(kv: MemoryKv) {
    this.#kv = kv;
  }

  async begin(): Promise<KvTxn> {
    await this.gate;
    this.#needScheduler();
    return this.#wrap(await this.#kv.begin());
  }

  readNewest<R extends KvRead>(reads: readonly R[], _: number, reader: KvReader<R>): void {
    void this.#readNewest(reads, reader);
  }

  async #readNewest<R extends KvRead>(reads: readonly R[], reader: KvReader<R>): Promise<void> {
    await this.gate;
    this.#kv.readNewest(reads, 0, reader);
  }

  readAt<R extends KvRead>(reads: readonly R[], ts: bigint, _: number, reader: KvReader<R>): void {
    this.beforeBatchGet?.(reads.length);
    this.#kv.readAt(reads, ts, 0, reader);
  }

  async readVersions(keys: readonly Uint8Array[], ts: bigint): Promise<KvVersions> {
    await this.gate;
    await this.beforeVersions?.();
    const read = await this.#kv.readVersions(keys, ts);
    await this.afterVersions?.();
    return read;
  }

  async timestamp(): Promise<bigint> {
    await this.gate;
    this.#needScheduler();
    return this.#kv.timestamp();
  }

  writeOneKeys<W extends KvWrite>(writes: readonly W[], _: number, writer: KvWriter<W>): void {
    for (const write of writes) void this.#writeOneKey(write, writer);
  }

  async #writeOneKey<W extends KvWrite>(write: W, writer: KvWriter<W>): Promise<void> {
    await this.gate;
    await this.beforeCommit?.();
    const fate = this.script.shift() ?? 'ok';
    this.fates.push(fate);
    if (fate === 'ok') writer.onWritten(write, this.#kv.writeOneKey(write));
    else if (fate === 'conflict') writer.onWritten(write, 'refused');
    else if (fate === 'applied-then-lost') {
      this.#kv.writeOneKey(write);
      writer.onWriteFailed(write, new GatewayKvError('undetermined', 'the answer was lost'));
    } else writer.onWriteFailed(write, new GatewayKvError(fate, `scripted ${fate}`));
  }

  #needScheduler(): void {
    if (!this.schedulerAway) return;
    throw new GatewayKvError('unavailable', 'the scheduler s:1 is away: connection refused');
  }

  #wrap(txn: KvTxn): KvTxn {
    let data = false;
    const wrapped: KvTxn = {
      startTs: txn.startTs,
      get: (key) => txn.get(key),
      batchGet: (keys) => {
        this.beforeBatchGet?.(keys.length);
        return txn.batchGet(keys);
      },
      scan: async (start, end, limit, options) => {
        const pairs = await txn.scan(start, end, limit, options);
        await this.afterScan?.(pairs);
        return pairs;
      },
      put: (key, value) => {
        data ||= isData(key);
        txn.put(key, value);
      },
      delete: (key) => {
        data ||= isData(key);
        txn.delete(key);
      },
      lockKey: (key) => txn.lockKey(key),
      commit: () => (data ? this.#commit(txn) : txn.commit()),
      rollback: () => txn.rollback(),
    };
    return wrapped;
  }

  async #commit(txn: KvTxn): Promise<void> {
    await this.gate;
    await this.beforeCommit?.();
    const fate = this.script.shift() ?? 'ok';
    this.fates.push(fate);
    if (fate === 'ok') return txn.commit();
    if (fate === 'applied-then-lost') {
      await txn.commit();
      throw new GatewayKvError('undetermined', 'the answer was lost');
    }
    await txn.rollback();
    throw new GatewayKvError(fate, `scripted ${fate}`);
  }
}

/** A key of a database, not a record of the instance. */
function isData(key: Uint8Array): boolean {
  return key[5] === 0;
}
