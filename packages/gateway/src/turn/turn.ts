import { type Env, limits } from '@tinykv/base';
import type { GatewayState } from '../commands/spec.js';
import type { Job } from '../job.js';
import type { GatewayKv } from '../kv-port.js';
import type { EpochTable, TouchedKey } from '../model/redis-txn.js';
import type { Reply } from '../resp/types.js';
import { KeyGroup } from './key-group.js';
import { TurnBatch } from './turn-batch.js';

/** Whom a turn turns to. */
export interface TurnPorts {
  readonly env: Env;
  readonly kv: GatewayKv;
  readonly gateway: GatewayState;
  /** The part of a command's time that the store may use. */
  readonly storeShare: number;
  /** Runs the group in a transaction; nothing of it was applied. */
  widen(group: KeyGroup): void;
  /** Runs each of its commands in a transaction of its own; nothing of it was applied. */
  apart(group: KeyGroup): void;
  /** Runs it again in a later turn. */
  again(group: KeyGroup): void;
  /** Another wrote the key first. */
  conflict(group: KeyGroup): void;
  /** Everybody of the group is answered. */
  done(group: KeyGroup): void;
  replyTo(failure: unknown): Reply;
}

/**
 * All sessions of the gateway push what touches one key into one turn of the event loop. Costs per turn: a timestamp when
 * something writes, a message of reads and one of writes for each Region; and no promise for a command.
 */
export class Turn {
  readonly #ports: TurnPorts;
  #groups: KeyGroup[] = [];
  /** Reads of this turn by the names of their keys: those of one key are one read. */
  readonly #reads = new Map<string, KeyGroup>();
  #isScheduled = false;
  readonly #run = (): void => this.#runTurn();

  constructor(ports: TurnPorts) {
    this.#ports = ports;
  }

  /** Work whose turn on its key has come. */
  push(group: KeyGroup): void {
    this.#groups.push(group);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#ports.env.clock.defer(this.#run);
  }

  /** A read that nothing of its session stands before. */
  read(job: Job, name: string, touched: TouchedKey): void {
    const known = this.#reads.get(name);
    if (known !== undefined) {
      known.batch.push(job);
      return;
    }
    const group = new KeyGroup([job], touched, false);
    this.#reads.set(name, group);
    this.push(group);
  }

  #runTurn(): void {
    this.#isScheduled = false;
    this.#reads.clear();
    const ready = this.#groups;
    this.#groups = [];
    // What does not fit comes first in the next one.
    for (const group of ready.splice(limits.gatewayTurnGroupsMax)) this.push(group);
    const { commandTimeoutMs } = this.#ports.gateway.config;
    const nowMono = this.#ports.env.clock.mono();
    const together: KeyGroup[] = [];
    for (const group of ready) {
      group.dropOver();
      group.deadlineMono ||= nowMono + commandTimeoutMs;
      if (group.jobs.length === 0) this.#ports.done(group);
      else if (group.deadlineMono - nowMono > commandTimeoutMs / 2) together.push(group);
      // Its end must not be that of the others.
      else this.#start([group]);
    }
    if (together.length > 0) this.#start(together);
  }

  #start(groups: readonly KeyGroup[]): void {
    const { env, gateway } = this.#ports;
    const nowMono = env.clock.mono();
    const deadlineMono = groups.reduce(
      (least, group) => Math.min(least, group.deadlineMono),
      Number.POSITIVE_INFINITY,
    );
    const table = gateway.epochs.current();
    if (table !== undefined) {
      this.#begin(groups, table, deadlineMono);
      return;
    }
    void gateway.epochs.acquire(deadlineMono - nowMono).then(
      (acquired) => this.#begin(groups, acquired, deadlineMono),
      (failure: unknown) => {
        const reply = this.#ports.replyTo(failure);
        for (const group of groups) {
          for (const job of group.jobs) job.settle(reply);
          this.#ports.done(group);
        }
      },
    );
  }

  #begin(groups: readonly KeyGroup[], table: EpochTable, deadlineMono: number): void {
    const { env, storeShare } = this.#ports;
    const timeoutMs = Math.max(1, storeShare * (deadlineMono - env.clock.mono()));
    new TurnBatch(this.#ports, table, timeoutMs).begin(groups);
  }
}
