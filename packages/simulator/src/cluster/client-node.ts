import type { Env } from '@tinykv/base';
import { Client } from '@tinykv/client';
import type { Machine } from '../world/machine.js';
import type { SimProcess } from '../world/sim-proc.js';
import { Node, type NodeWorld } from './node.js';

/** A program that uses `@tinykv/client`. */
export class ClientNode extends Node {
  readonly #scheduler: string;
  #client: Client | undefined;
  #env: Env | undefined;

  constructor(name: string, machine: Machine, surroundings: NodeWorld, scheduler: string) {
    super(name, machine, surroundings);
    this.#scheduler = scheduler;
  }

  get client(): Client | undefined {
    return this.#client;
  }

  get env(): Env | undefined {
    return this.#env;
  }

  /** A second client in the process, which knows nothing yet; undefined when the process is not up. Throws KvError. */
  async connect(): Promise<Client | undefined> {
    return this.#env && Client.connect(this.#env, { scheduler: this.#scheduler, retries: 0 });
  }

  protected override async run(env: Env, proc: SimProcess): Promise<void> {
    // Each way to commit gets its share, and each must put up with the other.
    const onePhaseCommit = env.rng.fork('one-phase').int(0, 2) === 1;
    const asyncCommit = env.rng.fork('async-commit').int(0, 2) === 1;
    const options = { scheduler: this.#scheduler, retries: 1_000, onePhaseCommit, asyncCommit };
    const client = await Client.connect(env, options);
    if (proc.dead) return;
    this.#env = env;
    this.#client = client;
  }

  protected override down(): void {
    this.#client = undefined;
    this.#env = undefined;
  }
}
