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
import { type Envelope, readEnvelopes, writeEnvelope } from './envelope.js';

/** What the transport asks of the store. */
export interface TransportHost {
  readonly clusterId: number;
  readonly storeId: StoreId;
  /** host:port of a store; rejects when it is unknown or gone. */
  resolve(storeId: StoreId): Promise<string>;
  receive(envelopes: readonly Envelope[]): void;
  /** Messages to this store were lost. */
  unreachable(storeId: StoreId): void;
}

interface Link {
  stream: NetStream | undefined;
  resolving: boolean;
  /** Do not try again before this time (monotonic ms). */
  retryAt: number;
  /** A store that stays down is mentioned now and then, not at every attempt (monotonic ms). */
  quietUntil: number;
  /** Sent while the address is looked up. */
  readonly waiting: Envelope[];
}

/** Messages kept for one store while its address is looked up. */
const WAITING_MAX = 256;
const RETRY_MS = 300;
const QUIET_MS = 30_000;

/** One stream to each other store; all messages of a turn to it share one frame. Lossy by contract. */
export class RaftTransport {
  readonly #env: Env;
  readonly #host: TransportHost;
  readonly #links = new Map<StoreId, Link>();
  readonly #writer = new ByteWriter(65_536);
  #closed = false;

  constructor(env: Env, host: TransportHost) {
    this.#env = env;
    this.#host = host;
  }

  /** Sends a turn's messages to one store, or drops them when it can't be reached now. */
  send(storeId: StoreId, envelopes: readonly Envelope[]): void {
    if (this.#closed) return;
    const link = this.#link(storeId);
    const { stream } = link;
    if (stream === undefined) {
      this.#connect(storeId, link);
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
    const { clusterId, storeId } = this.#host;
    stream.send(tinykvpeer.RaftFrame.encode({ clusterId, fromStore: storeId, toStore, messages }));
  }

  #link(storeId: StoreId): Link {
    let link = this.#links.get(storeId);
    if (link === undefined) {
      link = { stream: undefined, resolving: false, retryAt: 0, quietUntil: 0, waiting: [] };
      this.#links.set(storeId, link);
    }
    return link;
  }

  #connect(storeId: StoreId, link: Link): void {
    const now = this.#env.clock.mono();
    if (link.resolving || now < link.retryAt) return;
    link.resolving = true;
    link.retryAt = now + RETRY_MS;
    this.#host.resolve(storeId).then(
      (address) => {
        link.resolving = false;
        if (this.#closed) return;
        this.#open(storeId, link, address);
        this.send(storeId, link.waiting.splice(0));
      },
      (error: unknown) => {
        link.resolving = false;
        link.waiting.length = 0;
        this.#host.unreachable(storeId);
        this.#env.logger.warn('store address', { store_id: storeId, error: errorMessage(error) });
      },
    );
  }

  #open(storeId: StoreId, link: Link, address: string): void {
    const stream = this.#env.net.open(address, tinykvpeer.Peer.raft.path, {
      onMessage: (bytes) => {
        const ack = tinykvpeer.RaftFrameAck.decode(bytes);
        this.#env.logger.warn('raft stream refused', { store_id: storeId, error: ack.error });
      },
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
        this.#host.unreachable(storeId);
      },
    });
    link.stream = stream;
  }

  /** The handler of a stream from another store. */
  accept(stream: NetStream): StreamEvents {
    const refuse = (error: string): void => {
      stream.send(tinykvpeer.RaftFrameAck.encode({ error }));
      stream.end();
    };
    return {
      onMessage: (bytes) => {
        const envelopes = this.#decode(bytes);
        if (typeof envelopes === 'string') refuse(envelopes);
        else this.#host.receive(envelopes);
      },
      onClose: () => stream.end(),
    };
  }

  /** The envelopes of a frame, or why it is refused. */
  #decode(bytes: Uint8Array): Envelope[] | string {
    const { clusterId, storeId } = this.#host;
    try {
      const frame = tinykvpeer.RaftFrame.decode(bytes);
      if (frame.clusterId !== clusterId) return `mismatch cluster id ${frame.clusterId}`;
      if (frame.toStore !== storeId) return `this is store ${storeId}`;
      return readEnvelopes(frame.messages);
    } catch (error) {
      if (!(error instanceof CodecError || error instanceof KvError)) throw error;
      this.#env.logger.warn('raft frame', { error: error.message });
      return error.message;
    }
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
function keepSmall(link: Link, envelopes: readonly Envelope[]): boolean {
  if (!link.resolving) return false;
  const small = envelopes.filter(({ message }) => message?.entries.length === 0);
  const room = WAITING_MAX - link.waiting.length;
  link.waiting.push(...small.slice(0, room));
  return small.length === envelopes.length && small.length <= room;
}
