import { fromUtf8, type Rng, utf8 } from '@tinykv/base';
import type { Client, Txn } from '@tinykv/client';
import type { BankRead } from '../checkers/bank.js';
import type { RangeRead, WriteRecord } from '../checkers/snapshot-reads.js';
import { FINAL_CLIENT, untilRead } from './final-read.js';
import { outcomeOf } from './outcome.js';
import {
  countRefusal,
  dawdle,
  lockedRead,
  loop,
  mortalLoop,
  OPERATION_TIMEOUT_MS,
  pessimistic,
  type WorkloadContext,
} from './workload.js';
import { type Begun, commitRecorded } from './write-record.js';

const FIRST_BALANCE = 100;
const ALL_ACCOUNTS = {
  start: '',
  end: '~',
  reverse: false,
  keyOnly: false,
  limit: Number.POSITIVE_INFINITY,
} as const;

/** Transfers between accounts in several Regions, and snapshots of all of them. */
export class BankWorkload {
  readonly total: number;
  readonly reads: BankRead[] = [];
  readonly writes: WriteRecord[] = [];
  /** The same reads, key by key. */
  readonly balances: RangeRead[] = [];
  readonly #context: WorkloadContext;
  readonly #accounts: readonly string[];
  #opened = false;
  #opening = false;

  constructor(context: WorkloadContext, accounts: number) {
    this.#context = context;
    this.total = accounts * FIRST_BALANCE;
    this.#accounts = Array.from(
      { length: accounts },
      (_, i) => `${String.fromCharCode(97 + ((i * 5) % 26))}/account/${i}`,
    );
  }

  run(): Promise<unknown> {
    const { cluster, rng } = this.#context;
    const mortals = cluster.mortals.map((node, i) => {
      const own = rng.fork(`bank-mortal-${i}`);
      const id = cluster.clients.length + i;
      return mortalLoop(this.#context, node, own, (client, rngOfStep) =>
        this.#transferIfOpen(client, rngOfStep, id),
      );
    });
    const clients = cluster.clients.map((node, i) => {
      const own = rng.fork(`bank-${i}`);
      return loop(this.#context, node, own, (client, rngOfStep) =>
        this.#step(client, rngOfStep, i),
      );
    });
    return Promise.all([...clients, ...mortals]);
  }

  /** Reads all accounts when all is healed. */
  async finalReads(client: Client): Promise<void> {
    if (!this.#opened) return;
    await untilRead(this.#context, async () => {
      await this.#read(client, FINAL_CLIENT, async () => undefined);
      return true;
    });
  }

  async #step(client: Client, rng: Rng, id: number): Promise<void> {
    try {
      if (!this.#opened) await this.#open(client, id);
      else if (rng.float() < 0.5) await this.#transfer(client, rng, id);
      else await this.#read(client, id, () => dawdle(this.#context, rng));
    } catch (error) {
      countRefusal(this.#context, error);
      if (outcomeOf(error) === 'unknown') this.#context.tally.event('result unknown');
    }
  }

  async #transferIfOpen(client: Client, rng: Rng, id: number): Promise<void> {
    if (this.#opened) await this.#transfer(client, rng, id);
  }

  /** One client opens all accounts in one transaction; when its outcome is unknown it looks. */
  async #open(client: Client, id: number): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    const call = this.#context.tick();
    try {
      const txn = await client.txn.begin({ timeoutMs: OPERATION_TIMEOUT_MS });
      const found = await txn.get(utf8(this.#accounts[0]!));
      if (found === undefined) {
        const written = this.#accounts.map((account) => [account, FIRST_BALANCE] as const);
        this.#opened = await this.#commit(txn, { client: id, call }, written);
        return;
      }
      this.#opened = true;
    } finally {
      this.#opening = false;
    }
  }

  async #transfer(client: Client, rng: Rng, id: number): Promise<void> {
    const call = this.#context.tick();
    const from = rng.int(0, this.#accounts.length);
    const to = (from + rng.int(1, this.#accounts.length)) % this.#accounts.length;
    const keys = [from, to].map((i) => utf8(this.#accounts[i]!));
    const locking = rng.float() < 0.5;
    const options = locking ? pessimistic(rng) : {};
    const txn = await client.txn.begin({ timeoutMs: OPERATION_TIMEOUT_MS, ...options });
    try {
      const values = await (locking ? lockedRead(txn, keys, rng) : txn.batchGet(keys));
      const [a, b] = values.map(balance);
      const amount = Math.min(a!, rng.int(1, 20));
      await this.#commit(txn, { client: id, call }, [
        [this.#accounts[from]!, a! - amount],
        [this.#accounts[to]!, b! + amount],
      ]);
    } finally {
      if (txn.state === 'open') txn.rollback();
    }
  }

  /** Whether it is committed for certain. */
  async #commit(
    txn: Txn,
    begun: Begun,
    balances: readonly (readonly [account: string, balance: number])[],
  ): Promise<boolean> {
    const writes = new Map(balances.map(([account, amount]) => [account, String(amount)]));
    for (const [account, amount] of writes) txn.put(utf8(account), utf8(amount));
    await commitRecorded(this.#context, this.writes, txn, begun, writes);
    return txn.state === 'committed';
  }

  async #read(client: Client, id: number, pause: () => Promise<void>): Promise<void> {
    const call = this.#context.tick();
    const txn = await client.txn.begin({ timeoutMs: OPERATION_TIMEOUT_MS });
    await pause();
    const values = await txn.batchGet(this.#accounts.map(utf8));
    const ret = this.#context.tick();
    const at = { client: id, call, ret, ts: txn.startTs };
    this.reads.push({ ...at, balances: values.map(balance) });
    const pairs = this.#accounts.flatMap((account, i) => {
      const value = values[i];
      return value === undefined ? [] : [[account, fromUtf8(value)] as const];
    });
    this.balances.push({ ...at, ...ALL_ACCOUNTS, pairs: pairs.sort(byKey) });
  }
}

/** A missing account has nothing: the sum will tell. */
function balance(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : Number(fromUtf8(bytes));
}

function byKey([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}
