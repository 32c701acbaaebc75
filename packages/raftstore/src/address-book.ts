import {
  ByteReader,
  ByteWriter,
  CodecError,
  crc32,
  type Env,
  errorMessage,
  fromUtf8,
  isReachable,
  type KvEngine,
  KvError,
  limits,
  type StoreId,
  utf8,
} from '@tinykv/base';
import { type SchedulerApi, type StoreMeta, storeAddressesKey } from '@tinykv/model';

/** Where a store is reached, and the start that said so (0: nobody has said which). */
export interface StoreAddress {
  readonly storeId: StoreId;
  readonly address: string;
  readonly startToken: number;
}

/**
 * Where the other stores are reached: in memory and on disk, so that no stream and no election waits for
 * the scheduler. What a store says of itself counts as much as what the scheduler says of it; of two
 * statements that of the greater start token is newer.
 */
export class AddressBook {
  readonly #env: Env;
  readonly #engine: KvEngine;
  readonly #scheduler: SchedulerApi;
  readonly #records: Map<StoreId, StoreAddress>;
  readonly #asking = new Map<StoreId, Promise<string>>();
  #changed: (record: StoreAddress) => void = () => undefined;
  #isDirty = false;
  #writing: Promise<void> | undefined;

  private constructor(
    env: Env,
    engine: KvEngine,
    scheduler: SchedulerApi,
    records: readonly StoreAddress[],
  ) {
    this.#env = env;
    this.#engine = engine;
    this.#scheduler = scheduler;
    const usable = records.filter(({ address }) => isReachable(address));
    this.#records = new Map(usable.map((record) => [record.storeId, record]));
  }

  /** A page that cannot be read is begun anew: the scheduler and the other stores know it all. */
  static load(env: Env, engine: KvEngine, scheduler: SchedulerApi): AddressBook {
    const bytes = engine.get(storeAddressesKey);
    try {
      const records = bytes === undefined ? [] : decodeAddresses(bytes);
      return new AddressBook(env, engine, scheduler, records);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      env.logger.warn('store addresses', { error: error.message });
      return new AddressBook(env, engine, scheduler, []);
    }
  }

  /** Called with each record that is new or has changed. */
  onChange(changed: (record: StoreAddress) => void): void {
    this.#changed = changed;
  }

  get(storeId: StoreId): StoreAddress | undefined {
    return this.#records.get(storeId);
  }

  /**
   * Takes in what a store says of itself. False: it is the older of two starts, or its folder has not seen the start
   * that is known, so that one is of another copy.
   */
  hear(record: StoreAddress, formerStartToken: number): boolean {
    const known = this.#records.get(record.storeId)?.startToken ?? 0;
    if (record.startToken !== known && formerStartToken < known) return false;
    return this.learn(record);
  }

  /**
   * Takes in what the scheduler says, who tells copies apart. False: it is older than what is known. An address that leads
   * nowhere counts as not said.
   */
  learn({ storeId, address, startToken }: StoreAddress): boolean {
    const known = this.#records.get(storeId);
    // Every frame of Raft messages says it anew: nearly all of them end here.
    if (known?.startToken === startToken && known.address === address) return true;
    if (!isReachable(address)) return true;
    if (known !== undefined) {
      if (startToken !== 0 && startToken < known.startToken) return false;
    } else if (this.#records.size >= limits.storeAddressesMax) {
      return true;
    }
    // Who does not name the start speaks of the known one.
    const record = { storeId, address, startToken: Math.max(startToken, known?.startToken ?? 0) };
    if (known?.address === record.address && known.startToken === record.startToken) return true;
    this.#records.set(storeId, record);
    this.#save();
    this.#changed(record);
    return true;
  }

  /** The known address, or what the scheduler answers. Rejects when neither is there. */
  resolve(storeId: StoreId): Promise<string> {
    const known = this.#records.get(storeId);
    return known === undefined ? this.ask(storeId) : Promise.resolve(known.address);
  }

  /** Asks the scheduler; one question about a store at a time. */
  ask(storeId: StoreId): Promise<string> {
    const running = this.#asking.get(storeId);
    if (running !== undefined) return running;
    const asking = this.#scheduler
      .getStore(storeId)
      .then((meta) => {
        this.#learnMeta(meta);
        const address = this.#records.get(storeId)?.address ?? meta.address;
        if (isReachable(address)) return address;
        const text = `store ${storeId} has the address ${JSON.stringify(address)}, which leads nowhere`;
        throw new KvError('UNAVAILABLE', text);
      })
      .finally(() => this.#asking.delete(storeId));
    this.#asking.set(storeId, asking);
    return asking;
  }

  /** Takes in all that the scheduler knows. */
  async refresh(): Promise<void> {
    try {
      for (const meta of await this.#scheduler.allStores()) this.#learnMeta(meta);
    } catch (error) {
      this.#env.logger.warn('store addresses', { error: errorMessage(error) });
    }
  }

  #learnMeta({ id, address, state, startToken }: StoreMeta): void {
    if (state !== 'tombstone') this.learn({ storeId: id, address, startToken: startToken ?? 0 });
    else if (this.#records.delete(id)) this.#save();
  }

  /** Resolves when nothing is being written any more. */
  async close(): Promise<void> {
    await this.#writing;
  }

  #save(): void {
    this.#isDirty = true;
    this.#writing ??= this.#write();
  }

  /** A failure costs a question to the scheduler after the next start, so it ends nothing. */
  async #write(): Promise<void> {
    while (this.#isDirty) {
      this.#isDirty = false;
      const batch = this.#engine.batch();
      batch.put(storeAddressesKey, encodeAddresses([...this.#records.values()]));
      try {
        await this.#engine.write(batch, { sync: true });
      } catch (error) {
        this.#env.logger.warn('store addresses', { error: errorMessage(error) });
      }
    }
    // In the same step as the last look: what changes from now on begins another write.
    this.#writing = undefined;
  }
}

export function encodeAddresses(records: readonly StoreAddress[]): Uint8Array {
  const w = new ByteWriter(64).varint(records.length);
  for (const { storeId, address, startToken } of records) {
    w.u64(storeId).u64(startToken).bytes(utf8(address));
  }
  return w.u32(crc32(w.finish())).finish().slice();
}

/** Throws CodecError. */
export function decodeAddresses(bytes: Uint8Array): StoreAddress[] {
  if (bytes.length < 4) throw new CodecError(`store addresses of ${bytes.length} bytes`);
  const body = bytes.subarray(0, -4);
  if (new ByteReader(bytes.subarray(-4)).u32() !== crc32(body)) {
    throw new CodecError('store addresses: checksum does not match');
  }
  const r = new ByteReader(body);
  const records: StoreAddress[] = [];
  for (let left = r.varint(); left > 0; left--) {
    const storeId = r.u64();
    const startToken = r.u64();
    records.push({ storeId, startToken, address: fromUtf8(r.bytes()) });
  }
  r.end();
  return records;
}
