import { fromUtf8, type Rng, utf8 } from '@tinykv/base';
import { type Client, DeadlockError, type Txn } from '@tinykv/client';
import type { TxnOp, TxnRecord } from '../checkers/txn-record.js';
import { FINAL_CLIENT, untilRead } from './final-read.js';
import { type Outcome, outcomeOf } from './outcome.js';
import {
  countRefusal,
  dawdle,
  lockedRead,
  loop,
  OPERATION_TIMEOUT_MS,
  pessimistic,
  type WorkloadContext,
} from './workload.js';

const APPENDS_PER_KEY_MAX = 60;
const OPS_MAX = 5;

/** How many transactions lock what they read. */
const LOCKING_SHARE = 0.4;

/**
 * Transactions that read lists and append to them: whatever order they took shows in what they read. Some lock all
 * that they read, in whatever order they come to it, so that they wait for each other, in circles too.
 */
export class ListAppendWorkload {
  readonly history: TxnRecord[] = [];
  readonly #context: WorkloadContext;
  readonly #appends: number[];
  #values = 0;

  constructor(context: WorkloadContext, keys: number) {
    this.#context = context;
    this.#appends = new Array<number>(keys).fill(0);
  }

  run(): Promise<unknown> {
    const { cluster, rng } = this.#context;
    return Promise.all(
      cluster.clients.map((node, i) => {
        const own = rng.fork(`list-${i}`);
        return loop(this.#context, node, own, (client, rngOfStep) =>
          this.#step(client, rngOfStep, i),
        );
      }),
    );
  }

  /** Reads every list that was ever appended to, in one snapshot, when all is healed. */
  async finalReads(client: Client): Promise<void> {
    const keys = new Set(this.history.flatMap(({ ops }) => ops.map(({ key }) => key)));
    const call = this.#context.tick();
    const [startTs, values] = await untilRead(this.#context, async () => {
      const txn = await client.txn.begin({ timeoutMs: OPERATION_TIMEOUT_MS });
      return [txn.startTs, await txn.batchGet([...keys].map(utf8))] as const;
    });
    const ops = [...keys].map(
      (key, i) => ({ kind: 'read', key, values: parse(values[i]) }) as const,
    );
    const ret = this.#context.tick();
    this.history.push({ client: FINAL_CLIENT, call, ret, outcome: 'ok', ops, startTs });
  }

  async #step(client: Client, rng: Rng, id: number): Promise<void> {
    const plan = Array.from({ length: rng.int(1, OPS_MAX + 1) }, () => ({
      key: this.#key(rng),
      append: rng.float() < 0.5,
    }));
    const locking = rng.float() < LOCKING_SHARE;
    const options = locking ? pessimistic(rng) : {};
    const call = this.#context.tick();
    const ops: TxnOp[] = [];
    let txn: Txn | undefined;
    let outcome: Outcome = 'ok';
    let commitTs: bigint | undefined;
    try {
      txn = await client.txn.begin({ timeoutMs: OPERATION_TIMEOUT_MS, ...options });
      for (const { key, append } of plan) {
        const at = utf8(key);
        const [value] = locking ? await lockedRead(txn, [at], rng) : [await txn.get(at)];
        const list = parse(value);
        ops.push({ kind: 'read', key, values: list });
        if (!append) continue;
        const appended = ++this.#values;
        ops.push({ kind: 'append', key, value: appended });
        txn.put(at, utf8([...list, appended].join(' ')));
      }
      await dawdle(this.#context, rng);
      const at = await txn.commit();
      if (locking || plan.some(({ append }) => append)) commitTs = at;
    } catch (error) {
      countRefusal(this.#context, error);
      outcome = outcomeOf(error);
      if (error instanceof DeadlockError) this.#context.tally.event('deadlock');
      if (locking && txn?.state === 'open') txn.rollback();
      // What reads alone has no effect that could be unknown.
      if (!ops.some(({ kind }) => kind === 'append')) outcome = 'fail';
      if (outcome === 'unknown') this.#context.tally.event('result unknown');
    }
    if (txn === undefined) return;
    this.history.push({
      client: id,
      call,
      ret: outcome === 'ok' ? this.#context.tick() : Number.POSITIVE_INFINITY,
      outcome,
      // Locks may be lost before the commit finds out: what they showed counts only once it has not.
      ops: locking && outcome !== 'ok' ? ops.filter(({ kind }) => kind === 'append') : ops,
      locking,
      startTs: txn.startTs,
      ...(commitTs === undefined ? {} : { commitTs }),
    });
  }

  /** Few keys, so that transactions meet; a list that has grown long is left for a new one. */
  #key(rng: Rng): string {
    const at = Math.floor(rng.float() * rng.float() * this.#appends.length);
    const appended = this.#appends[at]!++;
    const generation = Math.floor(appended / (2 * APPENDS_PER_KEY_MAX));
    return `${String.fromCharCode(97 + ((at * 7) % 26))}/list/${at}/${generation}`;
  }
}

function parse(bytes: Uint8Array | undefined): number[] {
  if (bytes === undefined) return [];
  return fromUtf8(bytes).split(' ').map(Number);
}
