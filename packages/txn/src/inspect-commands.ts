import { err, ok } from '@tinykv/base';
import { type LockInfo, locationKey, rangeContains } from '@tinykv/model';
import type { Answer } from './latched-commands.js';
import { type KeyHistory, keyHistory } from './mvcc/key-history.js';
import { scanLocks } from './mvcc/scan-locks.js';
import type { ReadParts } from './read-commands.js';
import {
  aheadOfCluster,
  isKeyTooLong,
  keyTooLongMessage,
  locationRange,
  turnOf,
  withSnapshot,
} from './region-read.js';
import type { LockScanRequest, TxnContext } from './requests.js';

/** What is stored, as it is: for those who look into a cluster, and for those who clear locks away. */
export class InspectCommands {
  readonly #parts: ReadParts;

  constructor(parts: ReadParts) {
    this.#parts = parts;
  }

  /**
   * Exactly `limit` locks while the Region has them; throws AnswerTooLargeError when they do not fit into one
   * answer. Counts as a read at `maxTs`: what is being committed in one phase at or below it is waited for.
   */
  async scanLocks(context: TxnContext, request: LockScanRequest): Answer<readonly LockInfo[]> {
    const { env, access, concurrency, gate } = this.#parts;
    const { startKey, endKey, maxTs } = request;
    if ((await gate?.admit(maxTs)) === false) {
      return err({ type: 'other', message: aheadOfCluster(maxTs) });
    }
    const view = await access.acquireRead(context, [startKey]);
    if (!view.ok) return view;
    const range = locationRange(access.api, startKey, endKey, view.value.region.range);
    if (range === undefined) return ok([]);
    const isRead = (key: Uint8Array): boolean => rangeContains(range, locationKey(access.api, key));
    for (const { released } of concurrency.blockingScan(isRead, maxTs)) await released;
    const limit = request.limit || Number.POSITIVE_INFINITY;
    const turn = (): Promise<void> => turnOf(env.clock, context);
    return withSnapshot(view.value, (snapshot) =>
      scanLocks(snapshot, access.api, { range, maxTs, limit, turn }),
    );
  }

  /** All versions of one key and its lock; the message when no store has such a key. */
  async keyHistory(context: TxnContext, key: Uint8Array): Answer<KeyHistory | string> {
    if (isKeyTooLong(key)) return ok(keyTooLongMessage(key));
    const view = await this.#parts.access.acquireRead(context, [key]);
    if (!view.ok) return view;
    return withSnapshot(view.value, (snapshot) => keyHistory(snapshot, key));
  }
}
