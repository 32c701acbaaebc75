import {
  assert,
  type Clock,
  crc32,
  describeBytes,
  type Env,
  errorMessage,
  type KvEntry,
  KvError,
  type KvSnapshot,
  limits,
  type NetError,
  type NetStream,
} from '@tinykv/base';
import {
  type ApiMode,
  applyStateKey,
  checkRecord,
  regionRanges,
  regionStateKey,
} from '@tinykv/model';
import { tinykvpeer } from '@tinykv/proto';
import type { Snapshot } from '@tinykv/raft';
import { ByteRate } from './byte-rate.js';
import { confStateOf } from './conf-state.js';
import type { Envelope } from './envelope.js';
import { decodeApplyState, decodeRegionState, encodeSnapshotHead } from './local-state.js';
import { storedSafePoint } from './safe-point.js';
import {
  encodeEnd,
  encodeHeader,
  encodePairs,
  PART_PREFIX_BYTES,
  partCrc,
} from './snapshot-format.js';

/**
 * Makes snapshots for followers that are too far behind, and streams them off a frozen view of the
 * engine. The Region and its applied index are read from that same view, so they agree with the data.
 */
export class SnapshotSender {
  readonly #env: Env;
  readonly #api: ApiMode;
  readonly #clusterId: number;
  /** Of all streams together. */
  readonly #rate: ByteRate;
  /** Made and not yet picked up by `send`: the engine view that the data is read from. */
  readonly #prepared = new Map<Snapshot, KvSnapshot>();
  #sending = 0;

  constructor(env: Env, api: ApiMode, clusterId: number, bytesPerSecond: number) {
    this.#rate = new ByteRate(bytesPerSecond);
    this.#env = env;
    this.#api = api;
    this.#clusterId = clusterId;
  }

  get sending(): number {
    return this.#sending;
  }

  /**
   * Undefined while as many as allowed are under way: the core asks again. Throws CodecError when the Region's
   * records are damaged, KvError when they cannot be read. The view is closed unless a snapshot is made of it.
   */
  make(view: KvSnapshot, regionId: number): Snapshot | undefined {
    let made: Snapshot | undefined;
    try {
      made = this.#make(view, regionId);
    } finally {
      if (made === undefined) view.close();
    }
    if (made !== undefined) this.#prepared.set(made, view);
    return made;
  }

  #make(view: KvSnapshot, regionId: number): Snapshot | undefined {
    const stateBytes = view.get(regionStateKey(regionId));
    const applyBytes = view.get(applyStateKey(regionId));
    const full = this.#sending + this.#prepared.size >= limits.snapshotsSendingMax;
    if (full || stateBytes === undefined || applyBytes === undefined) return undefined;
    const { region } = decodeRegionState(stateBytes);
    const { index, term } = decodeApplyState(applyBytes);
    return {
      data: encodeSnapshotHead(region, storedSafePoint(view)),
      metadata: { confState: confStateOf(region), index, term },
    };
  }

  /** Streams the data of a MsgSnap that the core let out; `done` tells how it went. */
  send(address: string, envelope: Envelope, done: (error: string | undefined) => void): void {
    const snapshot = envelope.message?.snapshot;
    const view = snapshot && this.#prepared.get(snapshot);
    if (snapshot === undefined || view === undefined) {
      done('the snapshot is no longer there');
      return;
    }
    this.#prepared.delete(snapshot);
    this.#sending++;
    new SnapshotStream(this.#env, address, this.#clusterId, this.#rate)
      .run(envelope, view, this.#api)
      .then(
        () => done(undefined),
        (error: unknown) => done(errorMessage(error)),
      )
      .finally(() => {
        this.#sending--;
        view.close();
      })
      .catch((error: unknown) =>
        this.#env.logger.error('snapshot view', { error: errorMessage(error) }),
      );
  }

  /** A snapshot that was made can't be sent. */
  drop(snapshot: Snapshot): void {
    this.#prepared.get(snapshot)?.close();
    this.#prepared.delete(snapshot);
  }

  /** Closes what was made and never sent. */
  close(): void {
    for (const view of this.#prepared.values()) view.close();
    this.#prepared.clear();
  }
}

function checkPair(key: Uint8Array, value: Uint8Array): void {
  try {
    checkRecord(key, value);
  } catch (error) {
    throw new KvError('DATA_LOSS', `record ${describeBytes(key)}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/** Without an acknowledgement for this long the receiver is taken for gone. It reads the whole file back before the last. */
const ACK_TIMEOUT_MS = 120_000;

/** One snapshot on its way. Each part is acknowledged once it is written. */
class SnapshotStream {
  readonly #stream: NetStream;
  readonly #clock: Clock;
  readonly #rate: ByteRate;
  readonly #clusterId: number;
  #failure: string | undefined;
  #unacked = 0;
  #wake: (() => void) | undefined;
  #crc = 0;
  #pairs = 0;

  constructor(env: Env, address: string, clusterId: number, rate: ByteRate) {
    this.#clock = env.clock;
    this.#rate = rate;
    this.#clusterId = clusterId;
    this.#stream = env.net.open(address, tinykvpeer.Peer.snapshot.path, {
      onMessage: (bytes) => {
        const ack = tinykvpeer.SnapshotAck.decode(bytes);
        if (!ack.ok) this.#failure ??= `refused: ${ack.error}`;
        this.#unacked--;
        this.#wake?.();
      },
      onClose: (error: NetError | undefined) => {
        this.#failure ??= error?.message ?? 'stream ended';
        this.#wake?.();
      },
    });
  }

  async run(envelope: Envelope, view: KvSnapshot, api: ApiMode): Promise<void> {
    try {
      // Not paced: the receiver waits for it a short time only.
      this.#send(encodeHeader(envelope));
      const { range } = envelope;
      assert(range !== undefined, 'a snapshot envelope carries its range');
      for (const { start, end } of regionRanges(api, range)) await this.#range(view, start, end);
      await this.#part(encodeEnd(this.#pairs, this.#crc));
      await this.#until(0);
      this.#stream.end();
    } catch (error) {
      this.#stream.destroy();
      throw error;
    }
  }

  async #range(view: KvSnapshot, start: Uint8Array, end: Uint8Array): Promise<void> {
    const iterator = view.iterator({ start, end });
    try {
      let pairs: KvEntry[] = [];
      let bytes = 0;
      for (;;) {
        const page = await iterator.next(limits.scanPageKeys);
        for (const entry of page) {
          const size = entry[0].length + entry[1].length;
          if (pairs.length > 0 && bytes + size > limits.snapshotChunkBytes) {
            await this.#sendPairs(pairs);
            pairs = [];
            bytes = 0;
          }
          pairs.push(entry);
          bytes += size;
        }
        if (page.length > 0) continue;
        if (pairs.length > 0) await this.#sendPairs(pairs);
        return;
      }
    } finally {
      await iterator.close();
    }
  }

  /** Damaged records stay where they are: in a snapshot they would pass for whole ones of this replica. */
  #sendPairs(pairs: readonly KvEntry[]): Promise<void> {
    for (const [key, value] of pairs) checkPair(key, value);
    this.#pairs += pairs.length;
    return this.#part(encodePairs(pairs));
  }

  async #part(part: Uint8Array): Promise<void> {
    // The receiver's disk sets the pace.
    await this.#until(limits.snapshotWindowParts - 1);
    await this.#paced(part.length);
    this.#send(part);
  }

  #send(part: Uint8Array): void {
    this.#crc = crc32(part.subarray(4, PART_PREFIX_BYTES), this.#crc);
    this.#unacked++;
    this.#stream.send(
      tinykvpeer.SnapshotFrame.encode({
        clusterId: this.#clusterId,
        data: part,
        crc: partCrc(part),
      }),
    );
  }

  /** Waits for the moment at which so many bytes may go. Throws when the stream has failed. */
  async #paced(bytes: number): Promise<void> {
    const at = this.#rate.reserve(bytes, this.#clock.mono());
    while (this.#clock.mono() < at) {
      this.#check();
      await this.#woken(at - this.#clock.mono());
    }
    this.#check();
  }

  /** Waits until at most `count` parts are unacknowledged. Throws when the stream has failed. */
  async #until(count: number): Promise<void> {
    for (;;) {
      this.#check();
      const before = this.#unacked;
      if (before <= count) return;
      const isLate = await this.#woken(ACK_TIMEOUT_MS);
      if (isLate && this.#unacked === before) this.#failure ??= 'no acknowledgement';
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw new KvError('UNAVAILABLE', this.#failure);
  }

  /** Waits for news of the stream, for so long at most; true when the time is over. */
  #woken(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, () => resolve(true));
      this.#wake = () => {
        timer.cancel();
        resolve(false);
      };
    });
  }
}
