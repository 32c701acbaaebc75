import type { KvVersion, VersionReader } from './kv-port.js';
import { databasePrefix, metaKey } from './model/keys.js';
import { isExpired, readMeta } from './model/meta-codec.js';
import { type Database, nameOf, type RedisTxn, type TouchedKey } from './model/redis-txn.js';

interface WatchedKey extends TouchedKey {
  /** Snapshot at which it was seen. */
  readonly ts: bigint;
  /** Of the database, then. */
  readonly epoch: number;
  /** The commit that made the key what it was; 0: it was never written in that epoch. */
  readonly commitTs: bigint;
  /** `expired`: not there, but its record still is, which any gateway may remove. */
  readonly state: 'alive' | 'absent' | 'expired';
}

/** A record whose version EXEC has to know. */
interface Question {
  readonly watched: WatchedKey;
  readonly epoch: number;
  readonly record: Uint8Array;
}

/** Bytes that a watched key takes beside itself and its name. */
const WATCHED_KEY_BYTES = 512;
/** Flushes since WATCH through which a key that was not there is followed; after more, EXEC gives up. */
const FLUSHES_FOLLOWED = 16;

/**
 * What WATCH of one session has seen. EXEC goes on only if each key is what it was, and was nothing else in between:
 * it compares the commits that wrote the keys, not their values, together with the epochs of the databases.
 *
 * - A commit timestamp names one Put or Delete for good. Locks and rollbacks have none here.
 * - A key that was alive must still be: if it has expired, EXEC aborts.
 * - A key that had expired may be removed, since that changes nothing. Such a removal is known by what lies right below it:
 *   the version that WATCH saw.
 * - Deletes may be collected up to the safe point, after which a key that came and went looks as if it had never been
 *   there. So EXEC aborts when the safe point has passed its WATCH.
 * - A flush begins an epoch in which no key was ever written. A key that was not there before stays unchanged if it
 *   was written neither in its old epoch nor in one since.
 */
export class WatchedKeys {
  readonly #store: VersionReader;
  readonly #keys = new Map<string, WatchedKey>();
  #keyBytes = 0;

  constructor(store: VersionReader) {
    this.#store = store;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Memory of what is watched. */
  get heldBytes(): number {
    return this.#keyBytes;
  }

  /** Remembers what the keys are in this transaction; of a key that is watched already, what was seen first. */
  async add(db: Database, keys: readonly Uint8Array[]): Promise<void> {
    const { nowMs, txn, epoch } = db;
    const ts = txn.kv.startTs;
    const touched = keys.map((key): TouchedKey => ({ db: db.index, key }));
    const fresh = touched.filter((key) => !this.#keys.has(nameOf(key)));
    const records = fresh.map(({ key }) => metaKey(db.prefix, key));
    const { versions } = await this.#store.readVersions(records, ts);
    fresh.forEach((key, i) => {
      const { value, commitTs } = versions[i]!;
      const meta = value && readMeta(value);
      const state = meta === undefined ? 'absent' : isExpired(meta, nowMs) ? 'expired' : 'alive';
      this.#keys.set(nameOf(key), { ...key, ts, epoch, commitTs, state });
      this.#keyBytes += WATCHED_KEY_BYTES + 2 * key.key.length;
    });
  }

  clear(): void {
    this.#keys.clear();
    this.#keyBytes = 0;
  }

  /**
   * Whether nothing has changed up to the snapshot of this transaction, which must have read nothing yet. What was
   * compared is locked when it commits, so that nothing changes until then.
   */
  async unchanged(txn: RedisTxn): Promise<boolean> {
    if (this.#keys.size === 0) return true;
    const questions = this.#questions(txn);
    if (questions === undefined) return false;
    const ts = txn.kv.startTs;
    const records = questions.map(({ record }) => record);
    const { versions, safePoint } = await this.#store.readVersions(records, ts);
    const removed: Question[] = [];
    for (const [i, question] of questions.entries()) {
      if (question.watched.ts < safePoint) return false;
      const verdict = judge(question, versions[i]!, txn.nowMs);
      if (verdict === 'changed') return false;
      if (verdict === 'removed') removed.push(question);
      lock(txn, question, versions[i]!);
    }
    return this.#wereOnlyRemoved(removed, versions, questions);
  }

  /** Undefined: the answer is no. */
  #questions(txn: RedisTxn): Question[] | undefined {
    const questions: Question[] = [];
    for (const watched of this.#keys.values()) {
      const now = txn.epochs[watched.db]!;
      const flushes = now - watched.epoch;
      if (flushes !== 0 && watched.state === 'alive') return undefined;
      if (flushes < 0 || flushes > FLUSHES_FOLLOWED) return undefined;
      for (let { epoch } = watched; epoch <= now; epoch++) {
        const record = metaKey(databasePrefix(txn.instance, watched.db, epoch), watched.key);
        questions.push({ watched, epoch, record });
      }
    }
    return questions;
  }

  /** Whether each removal took away the very version that WATCH saw: what it saw had expired. */
  async #wereOnlyRemoved(
    removed: readonly Question[],
    versions: readonly KvVersion[],
    questions: readonly Question[],
  ): Promise<boolean> {
    const below = await Promise.all(
      removed.map((question) => {
        const { commitTs } = versions[questions.indexOf(question)]!;
        return this.#store.readVersions([question.record], commitTs - 1n);
      }),
    );
    return removed.every(({ watched }, i) => below[i]!.versions[0]!.commitTs === watched.commitTs);
  }
}

/** `removed`: by a Delete that may be the removal of what had expired. */
function judge(
  { watched, epoch }: Question,
  { value, commitTs }: KvVersion,
  nowMs: number,
): 'same' | 'changed' | 'removed' {
  const seen = epoch === watched.epoch ? watched.commitTs : 0n;
  if (commitTs === seen) {
    if (watched.state !== 'alive') return 'same';
    return value !== undefined && !isExpired(readMeta(value), nowMs) ? 'same' : 'changed';
  }
  const mayBeRemoval = epoch === watched.epoch && watched.state === 'expired' && commitTs > 0n;
  return mayBeRemoval && value === undefined ? 'removed' : 'changed';
}

function lock(txn: RedisTxn, { watched, epoch, record }: Question, { value }: KvVersion): void {
  const { db, key } = watched;
  // A record of the present epoch is locked with what the commands read, unless they write it.
  if (epoch === txn.epochs[db]) txn.database(db).preload(key, value && readMeta(value));
  else txn.kv.lockKey(record);
}
