import type { Cluster } from '../cluster/cluster.js';
import type { Node } from '../cluster/node.js';
import type { StoreNode } from '../cluster/store-node.js';
import type { Tally } from '../run/tally.js';
import { absentees } from './absence.js';
import { Arena } from './arena.js';
import type { Fault } from './fault.js';
import { replace } from './replacement.js';
import { ruleOf } from './rules.js';

/** Faults after which a store is replaced. */
const LOSSES: readonly string[] = ['bit-rot', 'misdirected-write', 'wipe-store'];
/** Pause before a process that ended by itself is started again. */
const RESTART_MS = 500;

/** Carries out the faults of a plan, and undoes them. */
export class Nemesis {
  readonly #arena: Arena;

  constructor(cluster: Cluster, tally: Tally) {
    this.#arena = new Arena(cluster, tally);
  }

  schedule(faults: readonly Fault[]): void {
    const { world } = this.#arena.cluster;
    this.#arena.losesStore = faults.some(({ kind }) => LOSSES.includes(kind));
    for (const fault of faults) world.after(fault.at, fault.kind, () => this.#carryOut(fault));
  }

  /**
   * Ends every fault: the network is whole, disks work, everything runs, save up to `absent` stores that the
   * cluster can do without. Returns those.
   */
  async heal(absent: number = 0): Promise<readonly StoreNode[]> {
    const arena = this.#arena;
    arena.healed = true;
    const { network, world, stores } = arena.cluster;
    network.healAll();
    network.traits = { ...network.traits, lossRate: 0, duplicateRate: 0, reorderRate: 0 };
    network.traits = { ...network.traits, delayMeanMs: 1, echoRate: 0 };
    for (const store of stores) {
      if (store.damaged) await replace(arena, store);
    }
    const away = absentees(arena.cluster, absent);
    arena.away = away;
    for (const store of away) store.crash();
    for (const node of arena.cluster.nodes) {
      arena.healDisk(node);
      node.fatalPoints = 0;
      node.fatalPoint = undefined;
      node.atPoint = undefined;
      node.machine.clock.drift(world.now, 1);
      node.proc?.thaw();
      if (!node.running && !arena.away.includes(node)) await node.start();
    }
    return away;
  }

  /** Those that stayed away come back. */
  async bringBack(): Promise<void> {
    const { away } = this.#arena;
    this.#arena.away = [];
    for (const node of away) await node.start();
  }

  /** A process has ended: unless a fault holds it down, it is started again, as by systemd. */
  stopped(node: Node): void {
    if (!this.#arena.holds(node)) this.#arena.restartLater(node, RESTART_MS);
  }

  #carryOut(fault: Fault): void {
    if (this.#arena.healed) return;
    this.#arena.cluster.world.log('nemesis', fault.kind, { ...fault });
    if (ruleOf(fault.kind).begin(this.#arena, fault)) this.#arena.tally.fault(fault.kind);
  }
}
