import { copyBytes, type NetError, type NetStream, type StreamEvents } from '@tinykv/base';
import { mixBytes } from './mix.js';
import type { Breakable, Network } from './network.js';
import type { SimProcess } from './sim-proc.js';

/** Bytes under way in one direction at which `send` says to wait. */
const BUFFER_BYTES = 1_048_576;
/** How long an end that is cut off takes to notice, as by keep-alive. */
const NOTICE_MS = 3_000;

type Delivery =
  | { readonly type: 'message'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'error'; readonly error: NetError };

/**
 * A connection with its two ends. Messages arrive in order, unless the method allows loss: then they may
 * get lost, double or overtake each other. The rules of ending are gRPC's (see MemoryStream in base).
 */
export class Connection implements Breakable {
  readonly client: StreamEnd;
  readonly server: StreamEnd;
  readonly #network: Network;

  constructor(network: Network, from: SimProcess, to: SimProcess, hosts: Hosts, lossy: boolean) {
    this.#network = network;
    this.client = new StreamEnd(network, this, from, hosts.client, hosts.server, lossy, false);
    this.server = new StreamEnd(network, this, to, hosts.server, hosts.client, lossy, true);
    network.track(this);
    from.onKill(() => this.#endDied(this.server));
    to.onKill(() => this.#endDied(this.client));
  }

  joins(a: string, b: string): boolean {
    const { host } = this.client;
    const other = this.server.host;
    return (host === a && other === b) || (host === b && other === a);
  }

  break(error: NetError): void {
    this.#network.forget(this);
    for (const end of [this.client, this.server]) {
      end.proc.after(this.#network.delay(), 'reset', () => end.fail(error));
    }
  }

  other(end: StreamEnd): StreamEnd {
    return end === this.client ? this.server : this.client;
  }

  forget(): void {
    this.#network.forget(this);
  }

  #endDied(survivor: StreamEnd): void {
    this.#network.forget(this);
    const dead = this.other(survivor);
    const cut =
      this.#network.isCut(dead.host, survivor.host) ||
      this.#network.isCut(survivor.host, dead.host);
    const ms = this.#network.delay() + (cut ? NOTICE_MS : 0);
    const error: NetError = { code: 'UNAVAILABLE', message: `connection to ${dead.host} lost` };
    survivor.proc.after(ms, 'peer died', () => survivor.fail(error));
  }
}

export interface Hosts {
  readonly client: string;
  readonly server: string;
}

export class StreamEnd implements NetStream {
  readonly proc: SimProcess;
  readonly host: string;
  readonly #otherHost: string;
  readonly #network: Network;
  readonly #connection: Connection;
  readonly #lossy: boolean;
  readonly #isServer: boolean;
  #events: StreamEvents | undefined;
  readonly #inbox: Delivery[] = [];
  #ended = false;
  #closeReported = false;
  #wantsDrain = false;
  #lastArrival = 0;
  bufferedBytes = 0;
  onSend: ((message: Uint8Array) => void) | undefined;

  constructor(
    network: Network,
    connection: Connection,
    proc: SimProcess,
    host: string,
    otherHost: string,
    lossy: boolean,
    isServer: boolean,
  ) {
    this.#network = network;
    this.#connection = connection;
    this.proc = proc;
    this.host = host;
    this.#otherHost = otherHost;
    this.#lossy = lossy;
    this.#isServer = isServer;
  }

  receive(events: StreamEvents): void {
    this.#events = events;
    this.#deliver();
  }

  send(message: Uint8Array): boolean {
    if (this.#ended || this.proc.dead) return true;
    this.onSend?.(message);
    const bytes = copyBytes(message);
    this.bufferedBytes += bytes.length;
    const { traits } = this.#network;
    const sent = (): void => {
      this.bufferedBytes -= bytes.length;
      if (!this.#wantsDrain || this.bufferedBytes >= BUFFER_BYTES / 2) return;
      this.#wantsDrain = false;
      this.proc.run(() => this.#events?.onDrain?.());
    };
    if (this.#lossy && this.#network.draw(traits.lossRate)) {
      this.#network.counts.lost++;
      this.proc.after(0, 'lost', sent);
      return true;
    }
    this.#transmit({ type: 'message', bytes }, sent);
    if (this.#lossy && this.#network.draw(traits.duplicateRate)) {
      this.#network.counts.duplicated++;
      this.#transmit({ type: 'message', bytes: copyBytes(bytes) }, () => undefined);
    }
    if (this.bufferedBytes < BUFFER_BYTES) return true;
    this.#wantsDrain = true;
    return false;
  }

  end(): void {
    if (this.#ended || this.proc.dead) return;
    this.#ended = true;
    this.#transmit({ type: 'end' }, () => undefined);
    if (this.#isServer) this.#take({ type: 'end' });
  }

  destroy(error?: NetError): void {
    const reason: NetError = error ?? { code: 'CANCELLED', message: 'stream destroyed' };
    if (!this.#ended) this.#transmit({ type: 'error', error: reason }, () => undefined);
    this.fail(reason);
  }

  fail(error: NetError): void {
    this.#ended = true;
    this.#connection.forget();
    this.#take({ type: 'error', error });
  }

  #transmit(delivery: Delivery, sent: () => void): void {
    const overtakes = this.#lossy && this.#network.draw(this.#network.traits.reorderRate);
    if (overtakes) this.#network.counts.reordered++;
    const other = this.#connection.other(this);
    const earliest = overtakes ? 0 : this.#lastArrival;
    const at = this.#network.carry(this.host, this.#otherHost, earliest, 'deliver', () => {
      sent();
      other.proc.run(() => {
        other.#inbox.push(delivery);
        other.#deliver();
      });
    });
    this.#lastArrival = Math.max(this.#lastArrival, at);
  }

  #take(delivery: Delivery): void {
    this.#inbox.push(delivery);
    this.proc.defer(() => this.#deliver());
  }

  #deliver(): void {
    while (this.#events !== undefined && !this.#closeReported) {
      const next = this.#inbox.shift();
      if (next === undefined) return;
      if (next.type === 'message') {
        this.proc.world.note(mixBytes(next.bytes));
        this.#events.onMessage(next.bytes);
        continue;
      }
      this.#closeReported = true;
      if (next.type === 'error' || !this.#isServer) this.#ended = true;
      this.#events.onClose(next.type === 'error' ? next.error : undefined);
    }
  }
}
