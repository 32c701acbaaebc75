import { type Env, errorMessage, KvError, type Rng } from '@tinykv/base';
import { KilledError } from '../world/killed-error.js';
import type { Machine, MachineLoss } from '../world/machine.js';
import type { Network } from '../world/network.js';
import { simEnv } from '../world/sim-env.js';
import { SimProcess } from '../world/sim-proc.js';
import type { World } from '../world/world.js';

/** What every node of a cluster is made with. */
export interface NodeWorld {
  readonly world: World;
  readonly network: Network;
  readonly onCrash: (node: Node, loss: MachineLoss) => void;
  /** A fail point has been passed. */
  readonly onPoint: (name: string) => void;
  /** A process has died at a fail point. */
  readonly onDeath?: ((name: string) => void) | undefined;
}

/** A program on a machine, which may be killed and started again. */
export abstract class Node {
  readonly name: string;
  readonly machine: Machine;
  protected readonly surroundings: NodeWorld;
  readonly #rng: Rng;
  #proc: SimProcess | undefined;
  #lives = 0;
  #crashing: Promise<void> = Promise.resolve();
  /** The process has begun its work. */
  up = false;
  /** Fail points at which the process is to die, with the probability of each. */
  fatalPoints = 0;
  /** The fail point at which the process is to die once. */
  fatalPoint: string | undefined;
  /** Fail points that its processes have passed. */
  readonly passed: Set<string> = new Set();
  /** Called at every fail point that the process passes: how a fault waits for its moment. */
  atPoint: ((name: string) => void) | undefined;
  /** Its disk has rotted or is gone: it may refuse to go on, and is not part of what must heal. */
  damaged = false;
  /** It is never started again. */
  retired = false;

  constructor(name: string, machine: Machine, surroundings: NodeWorld) {
    this.name = name;
    this.machine = machine;
    this.surroundings = surroundings;
    this.#rng = surroundings.world.rng.fork(name);
  }

  get host(): string {
    return this.machine.host;
  }

  get proc(): SimProcess | undefined {
    return this.#proc;
  }

  get running(): boolean {
    return this.#proc !== undefined && !this.#proc.dead;
  }

  /** Starts the program; what it does from then on happens by itself. */
  async start(): Promise<void> {
    await this.#crashing;
    if (this.running || this.retired) return;
    const { world, network } = this.surroundings;
    const proc = new SimProcess(world, this.name);
    this.#proc = proc;
    this.machine.attach(proc);
    const rng = this.#rng.fork(`life-${++this.#lives}`);
    const points = rng.fork('points');
    const env = simEnv({
      proc,
      host: this.host,
      clock: this.machine.clock,
      network,
      rng,
      fs: this.machine.fs,
      hit: (name) => {
        this.passed.add(name);
        this.surroundings.onPoint(name);
        this.atPoint?.(name);
        const isDrawn = this.fatalPoints > 0 && points.float() < this.fatalPoints;
        if (proc.dead || isDrawn || name === this.fatalPoint) {
          this.fatalPoint = undefined;
          if (!proc.dead) this.surroundings.onDeath?.(name);
          world.log(this.name, `dies at ${name}`);
          this.crash();
          throw new KilledError(name);
        }
      },
    });
    world.log(this.name, 'starts', { life: this.#lives });
    this.run(env, proc).then(
      () => {
        if (!proc.dead) this.up = true;
      },
      (error: unknown) => this.#stopped(proc, error),
    );
  }

  /** `kill -9`: the machine runs on, and what the process wrote is in its page cache. */
  kill(): void {
    if (this.#die('is killed')) this.machine.exit();
  }

  /** `SIGTERM`: the process finishes its work and ends. False when it does not run, or dies before that. */
  async stop(): Promise<boolean> {
    const proc = this.#proc;
    if (proc === undefined || proc.dead || !this.up) return false;
    this.surroundings.world.log(this.name, 'is told to stop');
    await this.finish(proc);
    if (!this.running) return false;
    this.kill();
    return true;
  }

  /** The power of its machine is cut. */
  crash(): void {
    if (!this.#die('loses its power')) return;
    this.#crashing = this.machine.crash().then((loss) => this.surroundings.onCrash(this, loss));
  }

  #die(how: string): boolean {
    const proc = this.#proc;
    if (proc === undefined || proc.dead) return false;
    this.surroundings.world.log(this.name, how);
    proc.kill();
    this.up = false;
    this.down();
    return true;
  }

  /** The machine is taken out of service for good. */
  retire(): void {
    this.retired = true;
    this.crash();
  }

  /** Composes the program in its environment; resolves when it serves. */
  protected abstract run(env: Env, proc: SimProcess): Promise<void>;
  /** The work of a graceful stop before the process ends; never resolves once it is dead. */
  protected finish(_proc: SimProcess): Promise<void> {
    return Promise.resolve();
  }

  /** The process is no more: forget what belonged to it. */
  protected abstract down(): void;

  /** The program says that it must stop, as after a failed disk. */
  protected fatal(proc: SimProcess, error: unknown): void {
    this.#stopped(proc, error);
  }

  #stopped(proc: SimProcess, error: unknown): void {
    const { world } = this.surroundings;
    if (proc.dead) return;
    world.log(this.name, 'stops', { error: errorMessage(error) });
    if (!this.mayFail(error)) world.fail(error);
    this.crash();
  }

  /** Whether the faults of this machine explain that its process gave up. */
  protected mayFail(error: unknown): boolean {
    if (!(error instanceof KvError)) return false;
    const { full, logFull, syncFails, readFails } = this.machine.disk.traits;
    // A start may have to write to the log; what runs waits until there is room.
    if (logFull && !this.up && error.code === 'RESOURCE_EXHAUSTED') return true;
    if (full || syncFails || readFails || this.damaged) return true;
    return error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED';
  }
}
