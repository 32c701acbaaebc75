import { monitorEventLoopDelay } from 'node:perf_hooks';
import { errorMessage, fromUtf8, utf8 } from '@tinykv/base';
import type { Client } from '@tinykv/client';
import { RespClient } from '../../src/resp-client.js';
import type { LiveCluster } from '../scenarios/live-cluster.js';

/** A complaint: an answer that was wrong, did not come, or came late. */
export interface Complaint {
  readonly kind: 'wrong' | 'failed' | 'late';
  readonly text: string;
}

const DEADLINE_MS = 1_000;
/** A round that takes this long has failed, whatever the client would still try. */
const PATIENCE_MS = 15_000;
const RESOLUTION_MS = 10;

/** A client that wants nothing but its own keys, and gets them within a second whatever others send. */
export class Probe {
  readonly #live: LiveCluster;
  readonly #client: Client;
  readonly #resp: RespClient;
  readonly #lag = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  /** The value that was last written under each name. */
  readonly #written = new Map<string, string>();
  readonly complaints: Complaint[] = [];
  #rounds = 0;
  #slowestMs = 0;

  private constructor(live: LiveCluster, client: Client, resp: RespClient) {
    this.#live = live;
    this.#client = client;
    this.#resp = resp;
    this.#lag.enable();
  }

  static async start(live: LiveCluster): Promise<Probe> {
    const client = await live.client();
    return new Probe(live, client, await RespClient.connect(live.cluster.gatewayAddress));
  }

  get rounds(): number {
    return this.#rounds;
  }

  get slowestMs(): number {
    return Math.round(this.#slowestMs);
  }

  /** Reads what the last round has written, and writes something else. */
  async round(during: string): Promise<void> {
    const number = ++this.#rounds;
    const value = `round ${number}`;
    await this.#ask(`txn during ${during}`, () => this.#viaTxn('probe-txn', value));
    await this.#ask(`raw during ${during}`, () => this.#viaRaw('probe-raw', value));
    await this.#ask(`gateway during ${during}`, () => this.#viaGateway('probe-gateway', value));
  }

  /** Rounds until `isOver`; resolves when the last one is done. */
  async during(what: string, isOver: () => boolean): Promise<void> {
    while (!isOver()) await this.round(what);
  }

  /** Keys that nobody touches; every one must be there at the end. */
  async keep(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const key = keptKey(i);
      await this.#client.raw.put(key, utf8(`raw ${i}`));
    }
    await this.#client.txn(async (txn) => {
      for (let i = 0; i < count; i++) txn.put(keptKey(i), utf8(`txn ${i}`));
    });
  }

  /** The kept keys that are not as they were left. */
  async damaged(count: number): Promise<string[]> {
    const snapshot = await this.#client.snapshot();
    const damaged: string[] = [];
    for (let i = 0; i < count; i++) {
      const raw = await this.#client.raw.get(keptKey(i));
      const txn = await snapshot.get(keptKey(i));
      if (text(raw) !== `raw ${i}`) damaged.push(`raw ${i}: ${text(raw)}`);
      if (text(txn) !== `txn ${i}`) damaged.push(`txn ${i}: ${text(txn)}`);
    }
    return damaged;
  }

  async stop(): Promise<void> {
    this.#lag.disable();
    this.#resp.close();
    await this.#client.close();
  }

  async #ask(what: string, work: () => Promise<string>): Promise<void> {
    this.#lag.reset();
    const start = performance.now();
    let late: NodeJS.Timeout | undefined;
    const given = new Promise<string>((resolve) => {
      late = setTimeout(() => resolve(`no answer within ${PATIENCE_MS} ms`), PATIENCE_MS);
    });
    try {
      const wrong = await Promise.race([work(), given]);
      if (wrong !== '') this.#complain('wrong', `${what}: ${wrong}`);
    } catch (error) {
      this.#complain('failed', `${what}: ${errorMessage(error)}`);
    } finally {
      clearTimeout(late);
    }
    // The fuzzer runs in this process: how long it held the probe up is not the servers' fault.
    const ownMs = Math.max(0, this.#lag.max / 1e6 - RESOLUTION_MS);
    const tookMs = performance.now() - start - ownMs;
    this.#slowestMs = Math.max(this.#slowestMs, tookMs);
    if (tookMs > DEADLINE_MS) this.#complain('late', `${what}: ${Math.round(tookMs)} ms`);
  }

  #complain(kind: Complaint['kind'], reason: string): void {
    this.complaints.push({ kind, text: reason });
    this.#live.print(`${kind}: ${reason}`);
  }

  async #viaTxn(name: string, value: string): Promise<string> {
    const found = text(
      await this.#client.txn(async (txn) => {
        const before = await txn.get(utf8(name));
        txn.put(utf8(name), utf8(value));
        return before;
      }),
    );
    return this.#compare(name, found, value);
  }

  async #viaRaw(name: string, value: string): Promise<string> {
    const found = text(await this.#client.raw.get(utf8(name)));
    await this.#client.raw.put(utf8(name), utf8(value));
    return this.#compare(name, found, value);
  }

  async #viaGateway(name: string, value: string): Promise<string> {
    const found = await this.#resp.command('GET', name);
    const reply = await this.#resp.command('SET', name, value);
    if (reply !== 'OK') return `SET is answered ${JSON.stringify(reply)}`;
    return this.#compare(name, typeof found === 'string' ? found : undefined, value);
  }

  #compare(name: string, found: string | undefined, next: string): string {
    const expected = this.#written.get(name);
    this.#written.set(name, next);
    return found === expected ? '' : `found ${found}, not ${expected}`;
  }
}

const keptKey = (i: number): Uint8Array => utf8(`kept/${String(i).padStart(6, '0')}`);
const text = (value: Uint8Array | undefined): string | undefined => value && fromUtf8(value);
