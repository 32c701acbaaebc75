import { limits } from '@tinykv/base';
import type { ClientMemory, MemoryHolder } from './client-memory.js';
import type { GatewayState, SessionState, TransactionState } from './commands/spec.js';
import type { CommandTable } from './commands/table.js';
import type { Connection, ConnectionEvents } from './connection.js';
import { Dispatcher } from './dispatcher.js';
import type { Executor } from './executor.js';
import type { VersionReader } from './kv-port.js';
import { ReplyQueue } from './reply-queue.js';
import { RespDecoder } from './resp/decoder.js';
import { type Request, requestMemory, wireBytes } from './resp/request.js';
import { error, type ProtocolVersion } from './resp/types.js';

/** What the sessions of one gateway share. */
export interface SessionContext {
  readonly gateway: GatewayState;
  readonly table: CommandTable;
  readonly executor: Executor;
  readonly versions: VersionReader;
  readonly memory: ClientMemory;
  onEnd(session: Session): void;
}

/**
 * One client: bytes in, requests begun in their order, replies out in the same order. The flow stops
 * where it is not drained: no more requests are begun than may run at once, no more are read than may wait, and
 * none while the client does not take its replies.
 */
export class Session implements SessionState, ConnectionEvents, MemoryHolder {
  readonly id: number;
  readonly createdMono: number;
  lastActiveMono: number;
  name = '';
  db = 0;
  protocol: ProtocolVersion = 2;
  noEvict = false;
  libraryName = '';
  libraryVersion = '';
  lastCommand = 'NULL';

  readonly #context: SessionContext;
  readonly #connection: Connection;
  readonly #decoder = new RespDecoder();
  readonly #replies = new ReplyQueue();
  readonly #dispatcher: Dispatcher;
  #requests: Request[] = [];
  #nextRequest = 0;
  /** Memory of the requests that were not begun. */
  #waitingBytes = 0;
  #heldBytes = 0;
  #pumping = false;
  #turnScheduled = false;
  #writable = true;
  #paused = false;
  /** The client sends nothing more. */
  #inputEnded = false;
  /** No request is begun any more; the connection closes when the replies have left. */
  #closing = false;
  #ended = false;

  constructor(id: number, connection: Connection, context: SessionContext) {
    this.id = id;
    this.#connection = connection;
    this.#context = context;
    this.createdMono = context.gateway.env.clock.mono();
    this.lastActiveMono = this.createdMono;
    this.#dispatcher = new Dispatcher(this, context, this.#replies, {
      settled: () => this.#scheduleTurn(),
    });
  }

  get isGone(): boolean {
    return this.#ended;
  }
  get address(): string {
    return this.#connection.address;
  }
  get localAddress(): string {
    return this.#connection.localAddress;
  }
  get queued(): number {
    return this.#requests.length - this.#nextRequest;
  }
  get outputBytes(): number {
    return this.#replies.encodedBytes + this.#connection.bufferedBytes;
  }
  get heldBytes(): number {
    return this.#heldBytes;
  }
  get queryBytes(): number {
    let bytes = this.#decoder.unparsedBytes;
    for (let i = this.#nextRequest; i < this.#requests.length; i++) {
      bytes += wireBytes(this.#requests[i]!);
    }
    return bytes;
  }
  get argumentBytes(): number {
    return this.#dispatcher.runningBytes;
  }
  get multiBytes(): number {
    return this.#dispatcher.multi.heldBytes;
  }
  get transaction(): TransactionState {
    return this.#dispatcher.multi;
  }
  get multiLength(): number | undefined {
    return this.#dispatcher.multi.length;
  }

  onData(bytes: Uint8Array): void {
    if (this.#closing || this.#ended) return;
    this.lastActiveMono = this.#context.gateway.env.clock.mono();
    this.#context.gateway.stats.bytesReceived += bytes.length;
    const known = this.#requests.length;
    this.#decoder.decode(bytes, this.#requests);
    for (let i = known; i < this.#requests.length; i++) {
      this.#waitingBytes += requestMemory(this.#requests[i]!);
    }
    this.#turn();
  }

  onDrain(): void {
    this.#writable = true;
    this.#turn();
  }

  onEnd(): void {
    this.#inputEnded = true;
    this.#turn();
  }

  onClose(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#dropRequests();
    this.#dispatcher.multi.reset();
    this.#account();
    this.#context.onEnd(this);
  }

  evict(): void {
    const { logger } = this.#context.gateway.env;
    const fields = { address: this.address, bytes: this.#heldBytes };
    logger.warn('clients hold too much memory, the one with most is dropped', fields);
    this.#connection.destroy();
    this.onClose();
  }

  setReplyMode(mode: 'on' | 'off' | 'skip'): void {
    this.#replies.setMode(mode);
  }

  quit(): void {
    this.#closing = true;
  }

  kill(): void {
    this.#closing = true;
    this.#dropRequests();
    // One's own reply is still sent.
    if (this.#pumping) return;
    this.#connection.destroy();
    this.onClose();
  }

  /** Begins no more requests, and closes when those that were begun are answered. */
  drain(): void {
    this.#closing = true;
    this.#dropRequests();
    this.#turn();
  }

  #dropRequests(): void {
    this.#requests = [];
    this.#nextRequest = 0;
    this.#waitingBytes = 0;
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    this.#context.gateway.env.clock.defer(() => {
      this.#turnScheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    this.#pump();
    this.#flush();
    this.#adjustReading();
    this.#account();
    this.#context.memory.relieve();
  }

  /** Tells what this client holds now; of one that is gone, only what its commands do that still run. */
  #account(): void {
    let now = this.#dispatcher.heldBytes;
    if (!this.#ended) {
      now += this.#decoder.bufferedBytes + this.#waitingBytes;
      now += this.#replies.heldBytes + this.#connection.bufferedBytes;
    }
    if (now === this.#heldBytes) return;
    this.#context.memory.hold(this.#heldBytes, now);
    this.#heldBytes = now;
  }

  /** Begins requests until there is none, or the next one has to wait for those before it. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    let begun = 0;
    while (!this.#closing && this.#writable && this.#nextRequest < this.#requests.length) {
      if (begun > limits.gatewayTurnArgumentsMax) {
        this.#scheduleTurn();
        break;
      }
      const request = this.#requests[this.#nextRequest]!;
      if (!this.#dispatcher.begin(request)) break;
      this.#nextRequest++;
      this.#waitingBytes -= requestMemory(request);
      begun += request.length;
    }
    this.#pumping = false;
    if (this.#nextRequest >= this.#requests.length) {
      this.#dropRequests();
      this.#reportProtocolError();
    } else if (this.#nextRequest > limits.gatewaySessionQueuedMax) {
      this.#requests = this.#requests.slice(this.#nextRequest);
      this.#nextRequest = 0;
    }
  }

  #reportProtocolError(): void {
    const message = this.#decoder.error;
    if (message === undefined || this.#closing) return;
    this.#replies.answer(error(`ERR ${message}`), this.protocol);
    this.#closing = true;
  }

  #flush(): void {
    const { stats } = this.#context.gateway;
    for (;;) {
      stats.errorReplies += this.#replies.encodeReady();
      if (this.#replies.encodedBytes === 0 || this.#ended) break;
      this.#write(this.#replies.take());
    }
    const last = this.#closing || (this.#inputEnded && this.queued === 0);
    if (last && this.#replies.idle && !this.#ended) this.#connection.end();
  }

  #write(bytes: Uint8Array): void {
    const { stats, env } = this.#context.gateway;
    stats.bytesSent += bytes.length;
    if (!this.#connection.write(bytes)) this.#writable = false;
    if (this.#connection.bufferedBytes > limits.gatewayOutputBytesMax) {
      env.logger.warn('client reads too slowly, dropped', { address: this.address });
      this.#connection.destroy();
      this.onClose();
    }
  }

  #adjustReading(): void {
    if (this.#ended) return;
    const full = !this.#writable || this.queued >= limits.gatewaySessionQueuedMax;
    if (full === this.#paused) return;
    this.#paused = full;
    if (full) this.#connection.pause();
    else this.#connection.resume();
  }
}
