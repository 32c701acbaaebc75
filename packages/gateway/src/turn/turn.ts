import { limits } from '@tinykv/base';
import type { Job } from '../job.js';
import type { EpochTable, TouchedKey } from '../model/redis-txn.js';
import { KeyGroup } from './key-group.js';
import type { TurnPorts } from './ports.js';
import { TurnBatch } from './turn-batch.js';

const NO_JOBS: readonly Job[] = [];

/**
 * All sessions of the gateway push what touches one key, or only reads, into one turn of the event loop. Costs per turn: a
 * timestamp when something writes or reads a snapshot, a message of reads and one of writes for each Region; and no promise
 * for a command.
 */
export class Turn {
  readonly #ports: TurnPorts;
  #groups: KeyGroup[] = [];
  /** Reads of this turn by the names of their keys: those of one key are one read. */
  readonly #reads = new Map<string, KeyGroup>();
  /** Reads of several keys. */
  #snapshots: Job[] = [];
  #isScheduled = false;
  readonly #run = (): void => this.#runTurn();

  constructor(ports: TurnPorts) {
    this.#ports = ports;
  }

  /** Work whose turn on its key has come. */
  push(group: KeyGroup): void {
    this.#groups.push(group);
    this.#schedule();
  }

  /** A read of several keys that nothing of its session stands before. */
  readMany(job: Job): void {
    this.#snapshots.push(job);
    this.#schedule();
  }

  #schedule(): void {
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
    // Groups that do not fit come first in the next one.
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
    const snapshots = this.#takeSnapshots();
    if (together.length > 0 || snapshots.length > 0) this.#start(together, snapshots);
  }

  /** As many as their keys allow, and one at least; the others come in the next turn. */
  #takeSnapshots(): readonly Job[] {
    let keys = 0;
    const taken = this.#snapshots;
    const end = taken.findIndex((job) => {
      const isFull = keys >= limits.gatewayTurnGroupsMax;
      keys += job.work.snapshot!.keys.length;
      return isFull;
    });
    this.#snapshots = end < 0 ? [] : taken.splice(end);
    if (this.#snapshots.length > 0) this.#schedule();
    return taken;
  }

  #start(groups: readonly KeyGroup[], snapshots: readonly Job[] = NO_JOBS): void {
    const { env, gateway } = this.#ports;
    const nowMono = env.clock.mono();
    const deadlineMono = groups.reduce(
      (least, group) => Math.min(least, group.deadlineMono),
      nowMono + gateway.config.commandTimeoutMs,
    );
    const table = gateway.epochs.current();
    if (table !== undefined) {
      this.#begin(groups, snapshots, table, deadlineMono);
      return;
    }
    void gateway.epochs.acquire(deadlineMono - nowMono).then(
      (acquired) => this.#begin(groups, snapshots, acquired, deadlineMono),
      (failure: unknown) => {
        const reply = this.#ports.replyTo(failure);
        for (const job of snapshots) job.settle(reply);
        for (const group of groups) {
          for (const job of group.jobs) job.settle(reply);
          this.#ports.done(group);
        }
      },
    );
  }

  #begin(
    groups: readonly KeyGroup[],
    snapshots: readonly Job[],
    table: EpochTable,
    deadlineMono: number,
  ): void {
    const { env, storeShare } = this.#ports;
    const timeoutMs = Math.max(1, storeShare * (deadlineMono - env.clock.mono()));
    new TurnBatch(this.#ports, table, timeoutMs).begin(groups, snapshots);
  }
}
