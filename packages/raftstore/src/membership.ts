import type { Env, KvEngine } from '@tinykv/base';
import { type SchedulerApi, type StoreMeta, StoreRefusedError } from '@tinykv/model';
import type { AddressBook, StoreAddress } from './address-book.js';
import type { StoreIdent } from './local-state.js';
import { Registration } from './registration.js';
import { fencedBy, writeIdent } from './store-ident.js';

export interface MembershipHost {
  readonly env: Env;
  readonly engine: KvEngine;
  readonly scheduler: SchedulerApi;
  readonly book: AddressBook;
  readonly ident: StoreIdent;
  /** Where this start is reached. */
  readonly address: string;
  fatal(error: unknown): void;
}

/** This process's right to be its store: how it gets it at the start, and how it loses it to another process. */
export class Membership {
  readonly #host: MembershipHost;
  readonly #registration: Registration;
  #isStopped = false;

  constructor(host: MembershipHost) {
    this.#host = host;
    const { env, scheduler, ident, address } = host;
    const { storeId: id, startToken, formerStartToken, api } = ident;
    const store: StoreMeta = { id, address, state: 'up', startToken, formerStartToken };
    const accepted = (): Promise<void> => this.#accepted();
    this.#registration = new Registration({ env, scheduler, store, api, accepted });
  }

  /** The scheduler knows of this start. */
  get isRegistered(): boolean {
    return this.#registration.isDone;
  }

  /**
   * Resolves when the store may take part. While the scheduler is away, a store serves where it was served last; at
   * another address it might be a copy, which only the scheduler can tell.
   */
  async begin(): Promise<void> {
    const { ident, address } = this.#host;
    try {
      await this.#registration.begin(ident.address === address, (error) => this.refused(error));
    } catch (error) {
      await this.#noteFence(error);
      throw error;
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#registration.stop();
  }

  /** The scheduler knows this start: from now on the folder may be served here without asking. */
  async #accepted(): Promise<void> {
    const { engine, ident, address, book } = this.#host;
    if (ident.address !== address) await writeIdent(engine, { ...ident, address });
    await book.refresh();
  }

  /** Another store has heard of a start that has taken over. */
  fenced(newer: StoreAddress): void {
    this.refused(fencedBy(this.#host.ident, newer));
  }

  /** Another process has this store's id, or the scheduler refuses the store for another reason: it ends. */
  refused(error: unknown): void {
    if (this.#isStopped) return;
    this.stop();
    const { fatal } = this.#host;
    this.#noteFence(error).then(() => fatal(error), fatal);
  }

  /** Writes down that the folder is a stale copy: no later start of it may pass for the newer one. */
  async #noteFence(error: unknown): Promise<void> {
    if (!(error instanceof StoreRefusedError)) return;
    const { env, engine, ident } = this.#host;
    env.logger.error('this store id belongs to another process', {
      store_id: ident.storeId,
      start: ident.startToken,
      error: error.message,
    });
    if (error.refusal === 'fenced') await writeIdent(engine, { ...ident, fenced: error.fact });
  }
}
