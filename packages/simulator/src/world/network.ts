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
  readonly #listeners = new Map<string, Listener>();
  readonly #cut = new Set<string>();
  readonly #cloggedUntil = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();
  /** Nothing arrives over a link before this. */
  readonly #floors = new Map<string, number>();
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
    this.#cut.add(link(from, to));
  }

  /** Opens all ways again: what waited goes on, with a delay of its own. */
  healAll(): void {
    this.#cut.clear();
    this.#cloggedUntil.clear();
    for (const name of [...this.#waiting.keys()]) this.#release(name);
  }

  heal(from: string, to: string): void {
    this.#cut.delete(link(from, to));
    this.#release(link(from, to));
  }

  /** What waited goes on in its order, and nothing that is sent from now on overtakes it. */
  #release(name: string): void {
    const waiting = this.#waiting.get(name) ?? [];
    this.#waiting.delete(name);
    let delay = this.delay();
    for (const go of waiting) {
      this.world.after(delay, 'healed', go);
      delay += STEP_MS;
    }
    this.#floors.set(name, this.world.now + delay);
  }

  isCut(from: string, to: string): boolean {
    return this.#cut.has(link(from, to));
  }

  clog(from: string, to: string, ms: number): void {
    this.#cloggedUntil.set(link(from, to), this.world.now + ms);
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
    const name = link(from, to);
    const { now } = this.world;
    const start = Math.max(now, this.#cloggedUntil.get(name) ?? 0, this.#floors.get(name) ?? 0);
    const at = Math.max(after + STEP_MS, start + (from === to ? 0.01 : this.delay()));
    const attempt = (): void => {
      if (this.isCut(from, to)) {
        const waiting = this.#waiting.get(link(from, to)) ?? [];
        this.#waiting.set(link(from, to), waiting);
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

function link(from: string, to: string): string {
  return `${from}>${to}`;
}
