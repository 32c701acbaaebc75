import { KvError, type NetError, type Rng, type ServiceTable } from '@tinykv/base';
import type { SimProcess } from './sim-proc.js';
import type { World } from './world.js';

/** Rates of the small misfortunes of a network; partitions and clogs are made by name. */
export interface NetworkTraits {
  readonly delayMinMs: number;
  /** Delays are exponential with this mean, above the minimum. */
  readonly delayMeanMs: number;
  /** Of messages that may be lost by contract (Raft's) and of calls. */
  readonly lossRate: number;
  readonly duplicateRate: number;
  readonly reorderRate: number;
  /** Rate of the calls, among those that may come twice by contract, that come once more, up to seconds later. */
  readonly echoRate?: number;
}

export interface Listener {
  readonly proc: SimProcess;
  readonly services: ServiceTable;
}

/** One direction between two hosts. */
interface Link {
  isCut: boolean;
  cloggedUntil: number;
  /** Nothing arrives before this. */
  floor: number;
}

/** The least time between two arrivals that are in order. */
const STEP_MS = 1e-6;

/** What happened in the network that a run wants to count. */
export interface NetworkCounts {
  lost: number;
  duplicated: number;
  reordered: number;
  reset: number;
  /** Calls that came once more. */
  echoed: number;
}

/**
 * The network between hosts (the part of an address before the colon). A link has a direction: it may be
 * cut (packets wait, as TCP makes them, until it is healed or the connection is given up) or clogged.
 */
export class Network {
  readonly world: World;
  readonly rng: Rng;
  readonly counts: NetworkCounts = { lost: 0, duplicated: 0, reordered: 0, reset: 0, echoed: 0 };
  traits: NetworkTraits;
  /**
   * Sees every message of a stream as it is sent, lost or not: by which host, on a stream of which method; `isAnswer`: by the
   * side that serves it.
   */
  onSend:
    | ((host: string, method: string, message: Uint8Array, isAnswer: boolean) => void)
    | undefined;
  readonly #listeners = new Map<string, Listener>();
  /** By the host that sends, then by the one that receives. */
  readonly #links = new Map<string, Map<string, Link>>();
  /** What a cut holds back, in the order in which the links began to hold something. */
  readonly #waiting = new Map<Link, (() => void)[]>();
  readonly #connections = new Set<Breakable>();
  #nextPort = 40_000;

  constructor(world: World, traits: NetworkTraits) {
    this.world = world;
    this.rng = world.rng.fork('network');
    this.traits = traits;
  }

  listen(address: string, listener: Listener): string {
    const bound = address.endsWith(':0') ? `${address.slice(0, -1)}${this.#nextPort++}` : address;
    const old = this.#listeners.get(bound);
    if (old !== undefined && !old.proc.dead) {
      throw new KvError('FAILED_PRECONDITION', `${bound} is in use`);
    }
    this.#listeners.set(bound, listener);
    return bound;
  }

  close(address: string, listener: Listener): void {
    if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
  }

  listener(address: string): Listener | undefined {
    const found = this.#listeners.get(address);
    return found === undefined || found.proc.dead ? undefined : found;
  }

  /** Cuts the way from one host to another, in this direction alone. */
  cut(from: string, to: string): void {
    this.#link(from, to).isCut = true;
  }

  /** Opens all ways again: what waited goes on, with a delay of its own. */
  healAll(): void {
    for (const links of this.#links.values()) {
      for (const link of links.values()) {
        link.isCut = false;
        link.cloggedUntil = 0;
      }
    }
    for (const link of [...this.#waiting.keys()]) this.#release(link);
  }

  heal(from: string, to: string): void {
    const link = this.#link(from, to);
    link.isCut = false;
    this.#release(link);
  }

  /** What waited goes on in its order, and nothing that is sent from now on overtakes it. */
  #release(link: Link): void {
    const waiting = this.#waiting.get(link) ?? [];
    this.#waiting.delete(link);
    let delay = this.delay();
    for (const go of waiting) {
      this.world.after(delay, 'healed', go);
      delay += STEP_MS;
    }
    link.floor = this.world.now + delay;
  }

  #link(from: string, to: string): Link {
    let links = this.#links.get(from);
    if (links === undefined) {
      links = new Map();
      this.#links.set(from, links);
    }
    let link = links.get(to);
    if (link === undefined) {
      link = { isCut: false, cloggedUntil: 0, floor: 0 };
      links.set(to, link);
    }
    return link;
  }

  isCut(from: string, to: string): boolean {
    return this.#link(from, to).isCut;
  }

  clog(from: string, to: string, ms: number): void {
    this.#link(from, to).cloggedUntil = this.world.now + ms;
  }

  /** Breaks open connections between two hosts: both ends hear of it, each in its own time. */
  reset(a: string, b: string): void {
    for (const connection of [...this.#connections]) {
      if (connection.joins(a, b)) {
        this.counts.reset++;
        connection.break({ code: 'UNAVAILABLE', message: 'connection reset' });
      }
    }
  }

  track(connection: Breakable): void {
    this.#connections.add(connection);
  }

  forget(connection: Breakable): void {
    this.#connections.delete(connection);
  }

  delay(): number {
    const { delayMinMs, delayMeanMs } = this.traits;
    return delayMinMs - delayMeanMs * Math.log(1 - this.rng.float());
  }

  /** Carries something over a link, after what was due at `after`; returns when it is due if nothing holds it. */
  carry(from: string, to: string, after: number, label: string, arrive: () => void): number {
    const link = this.#link(from, to);
    const { now } = this.world;
    const start = Math.max(now, link.cloggedUntil, link.floor);
    const at = Math.max(after + STEP_MS, start + (from === to ? 0.01 : this.delay()));
    const attempt = (): void => {
      if (link.isCut) {
        const waiting = this.#waiting.get(link) ?? [];
        this.#waiting.set(link, waiting);
        waiting.push(attempt);
      } else {
        arrive();
      }
    };
    this.world.after(at - now, label, attempt);
    return at;
  }

  draw(rate: number): boolean {
    return rate > 0 && this.rng.float() < rate;
  }
}

export interface Breakable {
  joins(a: string, b: string): boolean;
  break(error: NetError): void;
}

export function hostOf(address: string): string {
  const colon = address.lastIndexOf(':');
  return colon < 0 ? address : address.slice(0, colon);
}
