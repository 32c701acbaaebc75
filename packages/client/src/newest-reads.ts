import { copyBytes, KvError, limits, type Timestamp, TS_MAX } from '@tinykv/base';
import { locationKey } from '@tinykv/model';
import { tinykvtxn } from '@tinykv/proto';
import { checkKey } from './check-arguments.js';
import { isTooMuch } from './operation.js';
import type { CachedRegion } from './region-cache.js';
import type { Router } from './router.js';
import type { Snapshot } from './snapshot.js';
import { splitByCount } from './split-by-count.js';

/** What is to be read: the newest committed version of one key. */
export interface NewestRead {
  readonly key: Uint8Array;
}

/** Hears of each read once, in no particular order. */
export interface NewestReader<R extends NewestRead> {
  /** As {@link Transactions.snapshotVersions} tells of one key. */
  onRead(read: R, value: Uint8Array | undefined, commitTs: Timestamp): void;
  onReadFailed(read: R, error: unknown): void;
  /** The outcomes that one message brought have been told. */
  onReadsTold(): void;
}

/**
 * Reads of newest versions that share one request for each Region, and no promise: each is linearizable for itself, and has an
 * outcome of its own. A Region that is away, or a lock, holds up no other.
 */
export class NewestReads {
  readonly #router: Router;
  /** At TS_MAX. */
  readonly #snapshot: Snapshot;

  constructor(router: Router, snapshot: Snapshot) {
    this.#router = router;
    this.#snapshot = snapshot;
  }

  /** The keys are distinct. */
  read<R extends NewestRead>(
    reads: readonly R[],
    timeoutMs: number,
    reader: NewestReader<R>,
  ): void {
    for (const { key } of reads) checkKey(key);
    this.#send(reads, this.#router.now() + timeoutMs, reader);
  }

  #send<R extends NewestRead>(
    reads: readonly R[],
    deadline: number,
    reader: NewestReader<R>,
  ): void {
    const known = new Map<CachedRegion, R[]>();
    const unknown: R[] = [];
    for (const read of reads) {
      const region = this.#router.cache.find(locationKey(this.#router.api, read.key));
      const group = region === undefined ? unknown : known.get(region);
      if (group === undefined) known.set(region!, [read]);
      else group.push(read);
    }
    for (const [region, group] of known) this.#sendParts(region, group, deadline, reader);
    if (unknown.length > 0) void this.#locate(unknown, deadline, reader);
  }

  #sendParts<R extends NewestRead>(
    region: CachedRegion,
    reads: readonly R[],
    deadline: number,
    reader: NewestReader<R>,
  ): void {
    for (const part of splitByCount(reads, limits.clientBatchGetKeysMax)) {
      void this.#sendToRegion(region, part, deadline, reader);
    }
  }

  async #locate<R extends NewestRead>(
    reads: readonly R[],
    deadline: number,
    reader: NewestReader<R>,
  ): Promise<void> {
    let groups: readonly { readonly region: CachedRegion; readonly items: readonly R[] }[];
    try {
      const operation = this.#router.beginCall('repeatable', this.#remainingMs(deadline));
      groups = await this.#router.group(reads, ({ key }) => key, operation);
    } catch (error) {
      tellFailure(reads, error, reader);
      return;
    }
    for (const { region, items } of groups) this.#sendParts(region, items, deadline, reader);
  }

  /** Rejects only with what the reader throws. */
  async #sendToRegion<R extends NewestRead>(
    region: CachedRegion,
    reads: readonly R[],
    deadline: number,
    reader: NewestReader<R>,
  ): Promise<void> {
    let response: tinykvtxn.GetVersionsResponse | undefined;
    try {
      const operation = this.#router.beginCall('repeatable', this.#remainingMs(deadline));
      response = await this.#router.sendToRegion(
        region,
        tinykvtxn.Txn.kvGetVersions,
        (context) => ({ context, keys: reads.map(({ key }) => key), version: TS_MAX }),
        operation,
      );
      if (response?.error !== undefined || (response && response.versions.length !== reads.length))
        throw new KvError('INTERNAL', 'a read of newest versions has no answer');
    } catch (error) {
      if (!isTooMuch(error) || reads.length === 1) {
        tellFailure(reads, error, reader);
        return;
      }
      const middle = Math.ceil(reads.length / 2);
      for (const half of [reads.slice(0, middle), reads.slice(middle)]) {
        void this.#sendToRegion(region, half, deadline, reader);
      }
      return;
    }
    if (response === undefined) this.#send(reads, deadline, reader);
    else this.#take(reads, response.versions, deadline, reader);
  }

  #take<R extends NewestRead>(
    reads: readonly R[],
    versions: readonly tinykvtxn.KeyVersion[],
    deadline: number,
    reader: NewestReader<R>,
  ): void {
    for (const [i, read] of reads.entries()) {
      const { error, found, value, commitTs } = versions[i]!;
      if (error !== undefined) void this.#readLocked(read, deadline, reader);
      else reader.onRead(read, found ? copyBytes(value) : undefined, commitTs);
    }
    reader.onReadsTold();
  }

  /** A lock is in the way: it is resolved, or waited for. */
  async #readLocked<R extends NewestRead>(
    read: R,
    deadline: number,
    reader: NewestReader<R>,
  ): Promise<void> {
    let version: { readonly value: Uint8Array | undefined; readonly commitTs: Timestamp };
    try {
      const operation = this.#router.beginCall('repeatable', this.#remainingMs(deadline));
      const { versions } = await this.#snapshot.versions([read.key], operation);
      version = versions[0]!;
    } catch (error) {
      tellFailure([read], error, reader);
      return;
    }
    reader.onRead(read, version.value, version.commitTs);
    reader.onReadsTold();
  }

  #remainingMs(deadline: number): number {
    return Math.max(0, deadline - this.#router.now());
  }
}

function tellFailure<R extends NewestRead>(
  reads: readonly R[],
  error: unknown,
  reader: NewestReader<R>,
): void {
  for (const read of reads) reader.onReadFailed(read, error);
  reader.onReadsTold();
}
