import {
  ByteWriter,
  CodecError,
  type Env,
  errorMessage,
  KvError,
  limits,
  type NetStream,
  type StoreId,
  type StreamEvents,
} from '@tinykv/base';
import { tinykvpeer } from '@tinykv/proto';
import type { AddressBook, StoreAddress } from './address-book.js';
import { type Envelope, readEnvelopes, writeEnvelope } from './envelope.js';

/** What the transport asks of the store. */
export interface TransportHost {
  readonly clusterId: number;
  /** This store, as the others are to know it. */
  readonly self: StoreAddress & { readonly formerStartToken: number };
  readonly book: AddressBook;
  receive(envelopes: readonly Envelope[]): void;
  /** Messages to this store were lost. */
  unreachable(storeId: StoreId): void;
  /** Another store has heard of a start of this one that has taken over. */
  fenced(newer: StoreAddress): void;
}

interface Link {
  stream: NetStream | undefined;
  /** Where the stream leads. */
  address: string;
  /** Do not try again before this time (monotonic ms). */
  retryAt: number;
  /** Do not ask the scheduler before this time (monotonic ms). */
  askAt: number;
  /** A store that stays down is mentioned now and then, not at every attempt (monotonic ms). */
  quietUntil: number;
  /** Sent while no stream was there. */
  readonly waiting: Envelope[];
}

const NO_MESSAGES = new Uint8Array(0);
const RETRY_MS = 300;
/** A store that cannot be reached where it is said to be may have moved: the scheduler is asked this often. */
const ASK_MS = 3_000;
const QUIET_MS = 30_000;

/**
 * One stream to each other store, which stands ready before there is anything to say; all messages of a turn to
 * a store share one frame. Lossy by contract. Every frame tells who sends it: where that store is reached, and
 * its start, so that what an older start of a store still says is refused.
 */
export class RaftTransport {
  readonly #env: Env;
  readonly #host: TransportHost;
  readonly #links = new Map<StoreId, Link>();
  readonly #writer = new ByteWriter(65_536);
  #closed = false;

  constructor(env: Env, host: TransportHost) {
    this.#env = env;
    this.#host = host;
    host.book.onChange((record) => this.#moved(record));
  }

  /** Opens the streams that are missing to these stores; to be called now and then. */
  keep(storeIds: Iterable<StoreId>): void {
    if (this.#closed) return;
    for (const storeId of storeIds) {
      if (storeId !== this.#host.self.storeId) this.#connect(storeId, this.#link(storeId));
    }
  }

  /** Sends a turn's messages to one store, or drops them when it can't be reached now. */
  send(storeId: StoreId, envelopes: readonly Envelope[]): void {
    if (this.#closed) return;
    const link = this.#link(storeId);
    this.#connect(storeId, link);
    const { stream } = link;
    if (stream === undefined) {
      if (!keepSmall(link, envelopes)) this.#host.unreachable(storeId);
      return;
    }
    if (stream.bufferedBytes > limits.raftStreamBufferBytesMax) {
      this.#host.unreachable(storeId);
      return;
    }
    let w = this.#writer.reset();
    for (const envelope of envelopes) {
      writeEnvelope(w, envelope);
      if (w.length > limits.raftMessageBytesMax) {
        this.#sendFrame(stream, storeId, w.finish());
        w = this.#writer.reset();
      }
    }
    if (w.length > 0) this.#sendFrame(stream, storeId, w.finish());
  }

  #sendFrame(stream: NetStream, toStore: StoreId, messages: Uint8Array): void {
    const { clusterId, self } = this.#host;
    const frame = {
      clusterId,
      fromStore: self.storeId,
      toStore,
      messages,
      startToken: self.startToken,
      fromAddress: self.address,
      formerStartToken: self.formerStartToken,
    };
    stream.send(tinykvpeer.RaftFrame.encode(frame));
  }

  #link(storeId: StoreId): Link {
    let link = this.#links.get(storeId);
    if (link === undefined) {
      const never = Number.NEGATIVE_INFINITY;
      link = {
        stream: undefined,
        address: '',
        retryAt: never,
        askAt: never,
        quietUntil: never,
        waiting: [],
      };
      this.#links.set(storeId, link);
    }
    return link;
  }

  #connect(storeId: StoreId, link: Link): void {
    if (link.stream !== undefined || this.#env.clock.mono() < link.retryAt) return;
    const known = this.#host.book.get(storeId);
    if (known === undefined) this.#ask(storeId, link);
    else this.#open(storeId, link, known.address);
  }

  /** What the scheduler answers comes back by `#moved`. Messages wait meanwhile. */
  #ask(storeId: StoreId, link: Link): void {
    const now = this.#env.clock.mono();
    if (now < link.askAt) return;
    link.askAt = now + ASK_MS;
    this.#host.book.ask(storeId).catch((error: unknown) => {
      this.#env.logger.warn('store address', { store_id: storeId, error: errorMessage(error) });
    });
  }

  #moved({ storeId, address }: StoreAddress): void {
    const link = this.#links.get(storeId);
    if (link === undefined || this.#closed) return;
    const { stream } = link;
    if (stream !== undefined && link.address === address) return;
    link.stream = undefined;
    stream?.destroy();
    this.#open(storeId, link, address);
  }

  #open(storeId: StoreId, link: Link, address: string): void {
    const stream = this.#env.net.open(address, tinykvpeer.Peer.raft.path, {
      onMessage: (bytes) => this.#refused(storeId, tinykvpeer.RaftFrameAck.decode(bytes)),
      onClose: (error) => {
        if (link.stream !== stream) return;
        link.stream = undefined;
        const now = this.#env.clock.mono();
        link.retryAt = now + RETRY_MS;
        if (this.#closed) return;
        if (now >= link.quietUntil) {
          link.quietUntil = now + QUIET_MS;
          this.#env.logger.info('raft stream closed', { store_id: storeId, error: error?.message });
        }
        this.#ask(storeId, link);
        this.#host.unreachable(storeId);
      },
    });
    link.stream = stream;
    link.address = address;
    this.#sendFrame(stream, storeId, NO_MESSAGES);
    if (link.waiting.length > 0) this.send(storeId, link.waiting.splice(0));
  }

  #refused(storeId: StoreId, ack: tinykvpeer.RaftFrameAck): void {
    const { logger } = this.#env;
    const { self } = this.#host;
    logger.warn('raft stream refused', { store_id: storeId, error: ack.error });
    // What was said of an earlier start of this folder, or of another one before it, means nothing.
    if (ack.newerStartToken === self.startToken) return;
    if (ack.newerStartToken <= self.formerStartToken) return;
    this.#host.fenced({
      storeId: self.storeId,
      address: ack.newerAddress,
      startToken: ack.newerStartToken,
    });
  }

  /** The handler of a stream from another store. */
  accept(stream: NetStream): StreamEvents {
    const refuse = (ack: tinykvpeer.RaftFrameAckInit): void => {
      stream.send(tinykvpeer.RaftFrameAck.encode(ack));
      stream.end();
    };
    return {
      onMessage: (bytes) => {
        const envelopes = this.#decode(bytes);
        if (!Array.isArray(envelopes)) refuse(envelopes);
        else if (envelopes.length > 0) this.#host.receive(envelopes);
      },
      onClose: () => stream.end(),
    };
  }

  /** The envelopes of a frame, or why it is refused. */
  #decode(bytes: Uint8Array): Envelope[] | tinykvpeer.RaftFrameAckInit {
    const { clusterId, self } = this.#host;
    try {
      const frame = tinykvpeer.RaftFrame.decode(bytes);
      if (frame.clusterId !== clusterId) return { error: `mismatch cluster id ${frame.clusterId}` };
      if (frame.toStore !== self.storeId) return { error: `this is store ${self.storeId}` };
      return this.#fence(frame) ?? readEnvelopes(frame.messages);
    } catch (error) {
      if (!(error instanceof CodecError || error instanceof KvError)) throw error;
      this.#env.logger.warn('raft frame', { error: error.message });
      return { error: error.message };
    }
  }

  /** Learns who sends a frame; an answer for the older of two starts of one store, whose promises no longer count. */
  #fence(frame: tinykvpeer.RaftFrame): tinykvpeer.RaftFrameAckInit | undefined {
    const { fromStore: storeId, fromAddress: address, startToken, formerStartToken } = frame;
    // An older build does not say.
    if (startToken === 0) return undefined;
    if (this.#host.book.hear({ storeId, address, startToken }, formerStartToken)) return undefined;
    const newer = this.#host.book.get(storeId);
    const error = `store ${storeId} was started again as ${newer?.startToken}, this is ${startToken}`;
    this.#env.logger.warn('raft frame of an older start', {
      store_id: storeId,
      start: startToken,
      address,
      newer_start: newer?.startToken,
      newer_address: newer?.address,
    });
    return { error, newerStartToken: newer?.startToken ?? 0, newerAddress: newer?.address ?? '' };
  }

  close(): void {
    this.#closed = true;
    for (const { stream } of this.#links.values()) stream?.destroy();
    this.#links.clear();
  }
}

/**
 * Followers speak to each other for the first time when one of them campaigns: those votes must not be
 * lost, or the election waits for another time-out. Entries are sent again anyway. False: some are lost.
 */
function keepSmall({ waiting }: Link, envelopes: readonly Envelope[]): boolean {
  const small = envelopes.filter(({ message }) => message?.entries.length === 0);
  waiting.push(...small);
  const excess = waiting.length - limits.raftWaitingMessagesMax;
  if (excess > 0) waiting.splice(0, excess);
  return small.length === envelopes.length && excess <= 0;
}
