import type { Env } from '@tinykv/base';
import { createScheduler, type Scheduler } from '@tinykv/scheduler';
import type { Machine } from '../world/machine.js';
import type { SimProcess } from '../world/sim-proc.js';
import { Node, type NodeWorld } from './node.js';
import { type ClusterShape, schedulerConfig } from './sim-config.js';

export class SchedulerNode extends Node {
  readonly address: string;
  readonly #shape: ClusterShape;
  #scheduler: Scheduler | undefined;

  constructor(name: string, machine: Machine, surroundings: NodeWorld, shape: ClusterShape) {
    super(name, machine, surroundings);
    this.#shape = shape;
    this.address = `${machine.host}:2379`;
  }

  get scheduler(): Scheduler | undefined {
    return this.#scheduler;
  }

  protected override async run(env: Env, proc: SimProcess): Promise<void> {
    const scheduler = await createScheduler(
      env,
      { log: this.machine.log, fatal: (error) => this.fatal(proc, error) },
      schedulerConfig(this.address, this.#shape),
    );
    if (proc.dead) return;
    this.#scheduler = scheduler;
    await env.net.serve(this.address, scheduler.services());
    await scheduler.start();
  }

  protected override async finish(): Promise<void> {
    await this.#scheduler?.stop();
  }

  protected override down(): void {
    this.#scheduler = undefined;
  }
}
