import { fromUtf8, type Rng, utf8 } from '@tinykv/base';
import type { Client } from '@tinykv/client';
import type { BankRead } from '../checkers/bank.js';
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

const FIRST_BALANCE = 100;

/** Transfers between accounts in several Regions, and snapshots of all of them. */
export class BankWorkload {
  readonly total: number;
  readonly reads: BankRead[] = [];
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
      return mortalLoop(this.#context, node, own, (client) => this.#transferIfOpen(client, own));
    });
    const clients = cluster.clients.map((node, i) => {
      const own = rng.fork(`bank-${i}`);
      return loop(this.#context, node, own, (client) => this.#step(client, own, i));
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
      if (!this.#opened) await this.#open(client);
      else if (rng.float() < 0.5) await this.#transfer(client, rng);
      else await this.#read(client, id, () => dawdle(this.#context, rng));
    } catch (error) {
      countRefusal(this.#context, error);
      if (outcomeOf(error) === 'unknown') this.#context.tally.event('result unknown');
    }
  }

  async #transferIfOpen(client: Client, rng: Rng): Promise<void> {
    if (this.#opened) await this.#transfer(client, rng);
  }

  /** One client opens all accounts in one transaction; when its outcome is unknown it looks. */
  async #open(client: Client): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    try {
      const txn = await client.txn.begin({ timeoutMs: OPERATION_TIMEOUT_MS });
      const found = await txn.get(utf8(this.#accounts[0]!));
      if (found === undefined) {
        for (const account of this.#accounts) txn.put(utf8(account), utf8(String(FIRST_BALANCE)));
        await txn.commit();
      }
      this.#opened = true;
    } finally {
      this.#opening = false;
    }
  }

  async #transfer(client: Client, rng: Rng): Promise<void> {
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
      txn.put(keys[0]!, utf8(String(a! - amount)));
      txn.put(keys[1]!, utf8(String(b! + amount)));
      await txn.commit();
    } finally {
      if (txn.state === 'open') txn.rollback();
    }
    this.#context.tally.checked++;
  }

  async #read(client: Client, id: number, pause: () => Promise<void>): Promise<void> {
    const call = this.#context.tick();
    const txn = await client.txn.begin({ timeoutMs: OPERATION_TIMEOUT_MS });
    await pause();
    const values = await txn.batchGet(this.#accounts.map(utf8));
    const ret = this.#context.tick();
    this.reads.push({ client: id, call, ret, ts: txn.startTs, balances: values.map(balance) });
  }
}

/** A missing account has nothing: the sum will tell. */
function balance(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : Number(fromUtf8(bytes));
}
