import type { Env } from '@tinykv/base';
import { Client } from '@tinykv/client';
import { clientKv, GatewayCore } from '@tinykv/gateway';
import type { Machine } from '../world/machine.js';
import type { SimProcess } from '../world/sim-proc.js';
import { Node, type NodeWorld } from './node.js';
import { type ClusterShape, gatewayConfig } from './sim-config.js';

export class GatewayNode extends Node {
  readonly #scheduler: string;
  readonly #shape: ClusterShape;
  #core: GatewayCore | undefined;

  constructor(
    name: string,
    machine: Machine,
    surroundings: NodeWorld,
    scheduler: string,
    shape: ClusterShape,
  ) {
    super(name, machine, surroundings);
    this.#shape = shape;
    this.#scheduler = scheduler;
  }

  get core(): GatewayCore | undefined {
    return this.#core;
  }

  protected override async run(env: Env, proc: SimProcess): Promise<void> {
    // Each way to commit gets its share, and each must put up with the other.
    const onePhaseCommit = env.rng.fork('one-phase').int(0, 2) === 1;
    const asyncCommit = env.rng.fork('async-commit').int(0, 2) === 1;
    const commits = { onePhaseCommit, asyncCommit };
    const options = { scheduler: this.#scheduler, retries: 1_000, failFast: true, ...commits };
    const client = await Client.connect(env, options);
    if (proc.dead) return;
    const core = new GatewayCore(env, clientKv(client), gatewayConfig(this.#shape));
    core.start();
    this.#core = core;
  }

  protected override down(): void {
    this.#core = undefined;
  }
}
