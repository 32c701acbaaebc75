import { type Env, type KvEngine, KvError, type NetServer } from '@tinykv/base';
import { SchedulerClient } from '@tinykv/client';
import { StoreRefusedError } from '@tinykv/model';
import { registeredCluster } from '@tinykv/raftstore';
import { createStore, type StoreNode as Store } from '@tinykv/server/store';
import type { Machine } from '../world/machine.js';
import type { SimProcess } from '../world/sim-proc.js';
import { Node, type NodeWorld } from './node.js';
import { type ClusterShape, storeConfig } from './sim-config.js';

/** How long a store that stops tries to hand its leaderships over, as in production. */
const HANDOVER_MS = 3_000;
const HANDOVER_LOOK_MS = 50;
const DRAIN_MS = 2_000;

export class StoreNode extends Node {
  readonly address: string;
  readonly #scheduler: string;
  readonly #shape: ClusterShape;
  #engine: KvEngine | undefined;
  #store: Store | undefined;
  #server: NetServer | undefined;
  /** Known once it has started for the first time. */
  storeId: number | undefined;
  /** A file of a snapshot has been damaged: the peer that needs it may give up. */
  filesDamaged = false;
  /** The scheduler has been told to take everything away from it. */
  drained = false;
  /** Its folder is on another machine, too: one of the two is to be refused. */
  copied = false;
  /** Why the process gave up, for a store whose folder was copied. */
  refusal: StoreRefusedError | undefined;

  constructor(
    name: string,
    machine: Machine,
    surroundings: NodeWorld,
    scheduler: string,
    shape: ClusterShape,
  ) {
    super(name, machine, surroundings);
    this.address = `${machine.host}:20160`;
    this.#scheduler = scheduler;
    this.#shape = shape;
  }

  /** The running store, once it has recovered. */
  get store(): Store | undefined {
    return this.#store;
  }

  protected override async run(env: Env, proc: SimProcess): Promise<void> {
    const { log } = this.machine;
    const failed = (error: KvError): void => this.fatal(proc, error);
    const engine = await this.machine.engine.open({ proc, failed });
    this.#engine = engine;
    const scheduler = await SchedulerClient.connect(env, [this.#scheduler], {
      retries: 1_000,
      clusterId: registeredCluster(engine),
    });
    const store = await createStore(
      env,
      { kv: engine, log, scheduler, fatal: (error) => this.fatal(proc, error) },
      storeConfig(this.address, this.#shape),
    );
    if (proc.dead) return;
    this.#store = store;
    this.storeId = store.storeId;
    this.#server = await env.net.serve(this.address, store.services());
    await store.start();
  }

  /** As the process does: leaderships first, then no more requests, then what is being written. */
  protected override async finish(proc: SimProcess): Promise<void> {
    const store = this.#store;
    const deadline = proc.world.now + HANDOVER_MS;
    while (store !== undefined && !store.transferLeaders() && proc.world.now < deadline) {
      await new Promise<void>((resolve) => {
        proc.after(HANDOVER_LOOK_MS, 'hand over', resolve);
      });
    }
    await this.#server?.close(DRAIN_MS);
    await store?.stop();
    await this.#engine?.close();
  }

  /** A store that has been drained is refused for good. */
  protected override mayFail(error: unknown): boolean {
    if (this.copied && error instanceof StoreRefusedError) {
      this.refusal = error;
      return true;
    }
    const tombstone =
      this.drained && error instanceof KvError && /is tombstone/.test(error.message);
    if (tombstone) this.retired = true;
    return tombstone || super.mayFail(error);
  }

  protected override down(): void {
    this.#engine = undefined;
    this.#store = undefined;
    this.#server = undefined;
  }
}
