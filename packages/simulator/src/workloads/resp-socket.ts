import { concatBytes, copyBytes, type NetError, type Rng } from '@tinykv/base';
import type { Connection, ConnectionEvents } from '@tinykv/gateway';
import type { PendingReplies, SentCommands } from '../checkers/pending-replies.js';
import type { ClientNode } from '../cluster/client-node.js';
import type { GatewayNode } from '../cluster/gateway-node.js';
import type { Breakable, Network } from '../world/network.js';
import type { SimProcess } from '../world/sim-proc.js';

export interface SocketEvents {
  onData(bytes: Uint8Array): void;
  onClose(): void;
}

/** Bytes on their way to the client above which the gateway is told to write no more. */
const HIGH_WATER_BYTES = 16_384;
/** Some clients read slowly. */
const SLOW_SHARE = 0.2;
const SLOW_MS = 40;

/** A TCP connection from a client to a gateway: bytes arrive in order, cut anywhere. Both ends may make the other wait. */
export class RespSocket implements Breakable {
  readonly #network: Network;
  readonly #rng: Rng;
  readonly #client: Side;
  readonly #gateway: Side;
  readonly #events: SocketEvents;
  readonly #isSlow: boolean;
  readonly #replies: PendingReplies;
  /** Bytes that the gateway writes. */
  readonly #written = new RespReader();
  #server: ConnectionEvents | undefined;
  #closed = false;
  /** Bytes that the gateway has written and the client has not read. */
  #unread = 0;
  #wantsDrain = false;
  /** The gateway reads nothing: what has come waits. */
  #paused = false;
  readonly #arrived: Piece[] = [];

  constructor(
    network: Network,
    rng: Rng,
    client: { readonly node: ClientNode; readonly proc: SimProcess },
    gateway: { readonly node: GatewayNode; readonly proc: SimProcess },
    events: SocketEvents,
    replies: PendingReplies,
  ) {
    this.#network = network;
    this.#rng = rng;
    this.#events = events;
    this.#replies = replies;
    this.#client = { host: client.node.host, proc: client.proc, lastArrival: 0 };
    this.#gateway = { host: gateway.node.host, proc: gateway.proc, lastArrival: 0 };
    this.#isSlow = rng.float() < SLOW_SHARE;
    network.track(this);
    gateway.proc.onKill(() => this.break());
    this.#carry(this.#client, this.#gateway, () => {
      this.#server = gateway.node.core?.accept(this.#connection());
      if (this.#server === undefined) this.break();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** So many commands. */
  send(bytes: Uint8Array, count: number): void {
    const commands = this.#replies.sent(count);
    const pieces = this.#cut(copyBytes(bytes));
    for (const [i, piece] of pieces.entries()) {
      const ends = i === pieces.length - 1 ? commands : undefined;
      this.#carry(this.#client, this.#gateway, () => {
        this.#arrived.push({ bytes: piece, ends });
        this.#deliver();
      });
    }
  }

  #deliver(): void {
    while (!this.#paused && !this.#closed && this.#server !== undefined) {
      const piece = this.#arrived.shift();
      if (piece === undefined) return;
      const isTimed = piece.ends !== undefined && !this.#wantsDrain;
      if (isTimed) this.#replies.arrived(piece.ends, this.#gatewayMs);
      this.#server.onData(piece.bytes);
    }
  }

  /** How long the gateway has run. */
  get #gatewayMs(): number {
    const { proc } = this.#gateway;
    return proc.world.now - proc.frozenMs;
  }

  joins(a: string, b: string): boolean {
    const hosts = [this.#client.host, this.#gateway.host];
    return hosts.includes(a) && hosts.includes(b);
  }

  break(_error?: NetError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#replies.closed(this.#gatewayMs);
    this.#network.forget(this);
    this.#client.proc.after(this.#network.delay(), 'socket closed', () => this.#events.onClose());
    this.#gateway.proc.after(this.#network.delay(), 'socket closed', () => this.#server?.onClose());
  }

  #connection(): Connection {
    const address = `${this.#client.host}:1`;
    const unread = (): number => this.#unread;
    return {
      address,
      localAddress: `${this.#gateway.host}:6379`,
      get bufferedBytes() {
        return unread();
      },
      write: (bytes) => this.#write(bytes),
      end: () => this.break(),
      destroy: () => this.break(),
      pause: () => {
        this.#paused = true;
      },
      resume: () => {
        this.#paused = false;
        // As events of a socket, never in the call itself.
        this.#gateway.proc.after(0, 'socket resumed', () => this.#deliver());
      },
    };
  }

  #write(bytes: Uint8Array): boolean {
    this.#written.add(bytes);
    while (this.#written.next() !== undefined) this.#replies.replied(this.#gatewayMs);
    for (const piece of this.#cut(copyBytes(bytes))) {
      this.#unread += piece.length;
      this.#carry(this.#gateway, this.#client, () => {
        if (this.#isSlow) {
          this.#client.proc.after(SLOW_MS, 'a slow reader', () => this.#read(piece));
        } else this.#read(piece);
      });
    }
    if (this.#unread > HIGH_WATER_BYTES) this.#wantsDrain = true;
    if (this.#wantsDrain) this.#replies.excuse();
    return !this.#wantsDrain;
  }

  #read(piece: Uint8Array): void {
    if (this.#closed) return;
    this.#unread -= piece.length;
    this.#events.onData(piece);
    if (this.#unread > 0 || !this.#wantsDrain) return;
    this.#wantsDrain = false;
    this.#carry(this.#client, this.#gateway, () => this.#server?.onDrain());
  }

  #carry(from: Side, to: Side, arrive: () => void): void {
    if (this.#closed || from.proc.dead) return;
    from.lastArrival = this.#network.carry(from.host, to.host, from.lastArrival, 'socket', () =>
      to.proc.run(() => {
        if (!this.#closed) arrive();
      }),
    );
  }

  #cut(bytes: Uint8Array): Uint8Array[] {
    if (bytes.length < 2 || this.#rng.int(0, 4) > 0) return [bytes];
    const at = this.#rng.int(1, bytes.length);
    return [bytes.subarray(0, at), bytes.subarray(at)];
  }
}

/** Bytes that have come to the gateway. */
interface Piece {
  readonly bytes: Uint8Array;
  /** The commands whose last byte is in it. */
  readonly ends: SentCommands | undefined;
}

interface Side {
  readonly host: string;
  readonly proc: SimProcess;
  lastArrival: number;
}

export type RespValue = string | number | null | RespError | readonly RespValue[];

export class RespError {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Reads RESP2 replies from bytes as they come. */
export class RespReader {
  #bytes: Uint8Array = new Uint8Array(0);

  add(bytes: Uint8Array): void {
    this.#bytes = concatBytes(this.#bytes, bytes);
  }

  /** The next whole reply; undefined when it has not all come. */
  next(): RespValue | undefined {
    const parsed = this.#parse(0);
    if (parsed === undefined) return undefined;
    this.#bytes = this.#bytes.subarray(parsed.end);
    return parsed.value;
  }

  #line(at: number): { readonly text: string; readonly end: number } | undefined {
    for (let i = at; i + 1 < this.#bytes.length; i++) {
      if (this.#bytes[i] === 13 && this.#bytes[i + 1] === 10) {
        return { text: latin1(this.#bytes.subarray(at, i)), end: i + 2 };
      }
    }
    return undefined;
  }

  #parse(at: number): { readonly value: RespValue; readonly end: number } | undefined {
    const line = this.#line(at);
    if (line === undefined) return undefined;
    const rest = line.text.slice(1);
    const { end } = line;
    switch (line.text[0]) {
      case '+':
        return { value: rest, end };
      case '-':
        return { value: new RespError(rest), end };
      case ':':
        return { value: Number(rest), end };
      case '$': {
        const length = Number(rest);
        if (length < 0) return { value: null, end };
        if (this.#bytes.length < end + length + 2) return undefined;
        return { value: latin1(this.#bytes.subarray(end, end + length)), end: end + length + 2 };
      }
      case '*':
        return this.#items(Number(rest), end);
      default:
        throw new Error(`the gateway sent ${JSON.stringify(line.text)}`);
    }
  }

  #items(
    count: number,
    from: number,
  ): { readonly value: RespValue; readonly end: number } | undefined {
    if (count < 0) return { value: null, end: from };
    const items: RespValue[] = [];
    let end = from;
    for (let i = 0; i < count; i++) {
      const item = this.#parse(end);
      if (item === undefined) return undefined;
      items.push(item.value);
      end = item.end;
    }
    return { value: items, end };
  }
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
