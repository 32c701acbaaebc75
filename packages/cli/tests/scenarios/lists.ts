import { setTimeout as sleep } from 'node:timers/promises';
import { fromUtf8, KvError, utf8 } from '@tinykv/base';
import { type Client, type Txn, UndeterminedError } from '@tinykv/client';
import { checkListAppend, type TxnOp, type TxnRecord, type Violation } from '@tinykv/simulator';
import { killLeaders, splitRegions } from './disturb.js';
import { type LiveCluster, type LiveClusterOptions, withCluster } from './live-cluster.js';

export interface ListOptions {
  readonly seconds: number;
  /** Lists are left for new ones, and judged, after so long: they must not grow without end. */
  readonly windowSeconds: number;
  readonly clients: number;
  /** Of each window. */
  readonly lists: number;
  /** How often a store that leads is killed and restarted. */
  readonly killEveryMs: number;
  readonly portBase: number;
  readonly print: (line: string) => void;
}

export interface ListResult {
  readonly committed: number;
  readonly failed: number;
  readonly unknown: number;
  readonly kills: number;
  readonly regions: number;
  readonly violations: readonly Violation[];
}

const REGIONS_MIN = 4;
const OPS_MAX = 4;
/** Of transactions that lock all that they read. */
const LOCKING_SHARE = 0.3;
const PAUSE_AFTER_FAILURE_MS = 5;

/**
 * Transactions that read lists and append to them, over several Regions and while leaders are killed. Clients
 * commit in different ways; what they read must have an explanation under strict snapshot isolation.
 */
export function runLists(options: ListOptions): Promise<ListResult> {
  const { portBase, print } = options;
  const cluster: LiveClusterOptions = { name: 'lists', stores: 3, gateway: false, portBase, print };
  return withCluster(cluster, (live) => runOn(live, options));
}

async function runOn(live: LiveCluster, options: ListOptions): Promise<ListResult> {
  const clients: Client[] = [];
  for (let i = 0; i < options.clients; i++) {
    const how = { onePhaseCommit: i % 2 === 0, asyncCommit: i % 4 < 2 };
    clients.push(await live.client(how));
  }
  await fill(clients[0]!, options.lists);
  await splitRegions(live, REGIONS_MIN);
  const counts = { ok: 0, fail: 0, unknown: 0 };
  const violations: Violation[] = [];
  const endsAt = performance.now() + options.seconds * 1000;
  const isOver = (): boolean => performance.now() >= endsAt;
  const work = async (): Promise<void> => {
    for (let window = 1; !isOver(); window++) {
      const lists = new Lists(window, options);
      const history = await lists.run(clients, isOver);
      for (const { outcome } of history) counts[outcome]++;
      violations.push(...checkListAppend(history).violations);
    }
  };
  const progress = (): string => `${counts.ok} committed, ${counts.unknown} unknown`;
  const [kills] = await Promise.all([
    killLeaders(live, options.killEveryMs, isOver, progress),
    work(),
  ]);
  await live.waitReady();
  const regions = (await live.regions()).length;
  for (const client of clients) await client.close();
  const { ok: committed, fail: failed, unknown } = counts;
  return { committed, failed, unknown, kills, regions, violations };
}

/** Something for the Regions to be split at. */
async function fill(client: Client, lists: number): Promise<void> {
  await client.txn.run((txn) => {
    for (let i = 0; i < lists; i++) txn.put(utf8(keyOf(i, 0)), utf8(String(i)));
    return Promise.resolve();
  });
}

/** Windows share the Regions: they are told apart behind what places a list. */
function keyOf(list: number, window: number): string {
  return `lists/${String(list).padStart(3, '0')}/${window}`;
}

/** The lists of one window. */
class Lists {
  readonly #options: ListOptions;
  readonly #window: number;
  readonly #history: TxnRecord[] = [];
  #values = 0;
  /** Calls and returns in the order of this process. */
  #ordinal = 0;

  constructor(window: number, options: ListOptions) {
    this.#window = window;
    this.#options = options;
  }

  /** The history, once every client is done. */
  async run(clients: readonly Client[], isOver: () => boolean): Promise<readonly TxnRecord[]> {
    const endsAt = performance.now() + this.#options.windowSeconds * 1000;
    const loops = clients.map(async (client, number) => {
      while (!isOver() && performance.now() < endsAt) {
        const outcome = await this.#step(client, number);
        if (outcome !== 'ok') await sleep(PAUSE_AFTER_FAILURE_MS);
      }
    });
    await Promise.all(loops);
    return this.#history;
  }

  async #step(client: Client, number: number): Promise<TxnRecord['outcome']> {
    const locking = Math.random() < LOCKING_SHARE;
    const call = ++this.#ordinal;
    const ops: TxnOp[] = [];
    let txn: Txn | undefined;
    let outcome: TxnRecord['outcome'] = 'ok';
    let commitTs: bigint | undefined;
    try {
      txn = await client.txn.begin({ pessimistic: locking });
      for (let left = 1 + draw(OPS_MAX); left > 0; left--) {
        await this.#operate(txn, ops, locking);
      }
      const at = await txn.commit();
      if (locking || hasAppends(ops)) commitTs = at;
    } catch (error) {
      // What reads alone has no effect that could be unknown.
      outcome = error instanceof UndeterminedError && hasAppends(ops) ? 'unknown' : 'fail';
      if (!(error instanceof KvError)) throw error;
      // What it has locked would be in the way of others until it expires.
      if (txn?.state === 'open') txn.rollback();
    }
    if (txn === undefined) return outcome;
    const ret = outcome === 'ok' ? ++this.#ordinal : Number.POSITIVE_INFINITY;
    const { startTs } = txn;
    // Locks may be lost before the commit finds out: what they showed counts only once it has not.
    const told = locking && outcome !== 'ok' ? ops.filter(isAppend) : ops;
    const record = { client: number, call, ret, outcome, ops: told, locking, startTs };
    this.#history.push(commitTs === undefined ? record : { ...record, commitTs });
    return outcome;
  }

  async #operate(txn: Txn, ops: TxnOp[], locking: boolean): Promise<void> {
    const key = keyOf(draw(this.#options.lists), this.#window);
    const values = parse(await (locking ? txn.getForUpdate(utf8(key)) : txn.get(utf8(key))));
    ops.push({ kind: 'read', key, values });
    if (Math.random() < 0.5) return;
    const value = ++this.#values;
    ops.push({ kind: 'append', key, value });
    txn.put(utf8(key), utf8([...values, value].join(' ')));
  }
}

function isAppend({ kind }: TxnOp): boolean {
  return kind === 'append';
}

function hasAppends(ops: readonly TxnOp[]): boolean {
  return ops.some(isAppend);
}

function parse(bytes: Uint8Array | undefined): number[] {
  return bytes === undefined ? [] : fromUtf8(bytes).split(' ').map(Number);
}

function draw(below: number): number {
  return Math.floor(Math.random() * below);
}
