import { copyBytes, KvError, limits, type Timestamp } from '@tinykv/base';
import { locationKey } from '@tinykv/model';
import { keyErrorFromWire, tinykvtxn } from '@tinykv/proto';
import { checkKey } from './check-arguments.js';
import { keyErrorToThrow } from './key-errors.js';
import type { LockResolver } from './lock-resolver.js';
import { isTooMuch } from './operation.js';
import type { CachedRegion } from './region-cache.js';
import type { Router } from './router.js';
import { Snapshot } from './snapshot.js';
import { splitByCount } from './split-by-count.js';

/** A read of the version of one key. */
export interface KeyRead {
  readonly key: Uint8Array;
}

/** Hears of each read once, in no particular order. */
export interface KeyReader<R extends KeyRead> {
  /** As {@link Transactions.snapshotVersions} tells of one key. */
  onRead(read: R, value: Uint8Array | undefined, commitTs: Timestamp): void;
  onReadFailed(read: R, error: unknown): void;
  /** The outcomes that one message brought have been told. */
  onReadsTold(): void;
}

/** The reads of a call: versions at a timestamp, the newest ones at TS_MAX, for a reader, up to a deadline. */
interface ReadCall<R extends KeyRead> {
  readonly ts: Timestamp;
  /** Monotonic milliseconds. */
  readonly deadline: number;
  readonly reader: KeyReader<R>;
}

/**
 * Reads of many keys that share one request for each Region, and no promise: each has an outcome of its own. A Region that is
 * away, or a lock, holds up no other.
 */
export class KeyReads {
  readonly #router: Router;
  readonly #resolver: LockResolver;

  constructor(router: Router, resolver: LockResolver) {
    this.#router = router;
    this.#resolver = resolver;
  }

  /** The keys are distinct. */
  read<R extends KeyRead>(
    reads: readonly R[],
    ts: Timestamp,
    timeoutMs: number,
    reader: KeyReader<R>,
  ): void {
    for (const { key } of reads) checkKey(key);
    this.#send(reads, { ts, deadline: this.#router.now() + timeoutMs, reader });
  }

  #send<R extends KeyRead>(reads: readonly R[], call: ReadCall<R>): void {
    const known = new Map<CachedRegion, R[]>();
    const unknown: R[] = [];
    for (const read of reads) {
      const region = this.#router.cache.find(locationKey(this.#router.api, read.key));
      const group = region === undefined ? unknown : known.get(region);
      if (group === undefined) known.set(region!, [read]);
      else group.push(read);
    }
    for (const [region, group] of known) this.#sendParts(region, group, call);
    if (unknown.length > 0) void this.#locate(unknown, call);
  }

  #sendParts<R extends KeyRead>(
    region: CachedRegion,
    reads: readonly R[],
    call: ReadCall<R>,
  ): void {
    for (const part of splitByCount(reads, limits.clientBatchGetKeysMax)) {
      void this.#sendToRegion(region, part, call);
    }
  }

  async #locate<R extends KeyRead>(reads: readonly R[], call: ReadCall<R>): Promise<void> {
    let groups: readonly { readonly region: CachedRegion; readonly items: readonly R[] }[];
    try {
      const operation = this.#router.beginCall('repeatable', this.#remainingMs(call));
      groups = await this.#router.group(reads, ({ key }) => key, operation);
    } catch (error) {
      tellFailure(reads, error, call.reader);
      return;
    }
    for (const { region, items } of groups) this.#sendParts(region, items, call);
  }

  /** Rejects only with what the reader throws. */
  async #sendToRegion<R extends KeyRead>(
    region: CachedRegion,
    reads: readonly R[],
    call: ReadCall<R>,
  ): Promise<void> {
    let response: tinykvtxn.GetVersionsResponse | undefined;
    try {
      const operation = this.#router.beginCall('repeatable', this.#remainingMs(call));
      response = await this.#router.sendToRegion(
        region,
        tinykvtxn.Txn.kvGetVersions,
        (context) => ({ context, keys: reads.map(({ key }) => key), version: call.ts }),
        operation,
      );
      if (response?.error !== undefined) {
        throw keyErrorToThrow(keyErrorFromWire(response.error), call.ts);
      }
      if (response !== undefined && response.versions.length !== reads.length) {
        throw new KvError('INTERNAL', 'a read of a key has no answer');
      }
    } catch (error) {
      if (!isTooMuch(error) || reads.length === 1) {
        tellFailure(reads, error, call.reader);
        return;
      }
      const middle = Math.ceil(reads.length / 2);
      for (const half of [reads.slice(0, middle), reads.slice(middle)]) {
        void this.#sendToRegion(region, half, call);
      }
      return;
    }
    if (response === undefined) this.#send(reads, call);
    else this.#take(reads, response.versions, call);
  }

  #take<R extends KeyRead>(
    reads: readonly R[],
    versions: readonly tinykvtxn.KeyVersion[],
    call: ReadCall<R>,
  ): void {
    for (const [i, read] of reads.entries()) {
      const { error, found, value, commitTs } = versions[i]!;
      if (error !== undefined) void this.#readLocked(read, call);
      else call.reader.onRead(read, found ? copyBytes(value) : undefined, commitTs);
    }
    call.reader.onReadsTold();
  }

  /** A lock is in the way: it is resolved, or waited for. */
  async #readLocked<R extends KeyRead>(read: R, call: ReadCall<R>): Promise<void> {
    let version: { readonly value: Uint8Array | undefined; readonly commitTs: Timestamp };
    try {
      const operation = this.#router.beginCall('repeatable', this.#remainingMs(call));
      const snapshot = new Snapshot(this.#router, this.#resolver, call.ts);
      const { versions } = await snapshot.versions([read.key], operation);
      version = versions[0]!;
    } catch (error) {
      tellFailure([read], error, call.reader);
      return;
    }
    call.reader.onRead(read, version.value, version.commitTs);
    call.reader.onReadsTold();
  }

  #remainingMs({ deadline }: { readonly deadline: number }): number {
    return Math.max(0, deadline - this.#router.now());
  }
}

function tellFailure<R extends KeyRead>(
  reads: readonly R[],
  error: unknown,
  reader: KeyReader<R>,
): void {
  for (const read of reads) reader.onReadFailed(read, error);
  reader.onReadsTold();
}
