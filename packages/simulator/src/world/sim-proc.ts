import type { Timer } from '@tinykv/base';
import type { World } from './world.js';

/**
 * A simulated process: what it has to do happens on its own account, so that it can be killed (nothing of
 * it runs any more) or frozen (SIGSTOP: what happens meanwhile waits, and comes in one burst at the thaw).
 */
export class SimProcess {
  readonly name: string;
  readonly world: World;
  #dead = false;
  #frozen = false;
  #held: (() => void)[] = [];
  #frozenAt = 0;
  #frozenMs = 0;
  readonly #onKill: (() => void)[] = [];

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
  }

  get dead(): boolean {
    return this.#dead;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** How long it has been frozen up to now, in all. */
  get frozenMs(): number {
    return this.#frozenMs + (this.#frozen ? this.world.now - this.#frozenAt : 0);
  }

  /** Runs `fn` in this process after `ms`, unless it is dead by then; later when it is frozen. */
  after(ms: number, label: string, fn: () => void): Timer {
    let cancelled = false;
    const timer = this.world.after(ms, label, () =>
      this.run(() => {
        if (!cancelled) fn();
      }),
    );
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  /** Runs `fn` at the end of this moment, in the order of such calls. */
  defer(fn: () => void): void {
    this.world.atEndOfMoment(() => this.run(fn));
  }

  /** Runs `fn` now, at the thaw, or never. */
  run(fn: () => void): void {
    if (this.#dead) return;
    if (this.#frozen) this.#held.push(fn);
    else fn();
  }

  freeze(): void {
    if (!this.#frozen) this.#frozenAt = this.world.now;
    this.#frozen = true;
  }

  thaw(): void {
    if (!this.#frozen) return;
    this.#frozenMs = this.frozenMs;
    this.#frozen = false;
    const held = this.#held;
    this.#held = [];
    // Each in an event of its own, all at this moment and in their order: promise jobs run in between.
    let delay = 0;
    for (const fn of held) {
      this.after(delay, `${this.name} thaws`, fn);
      delay += 1e-6;
    }
  }

  onKill(fn: () => void): void {
    this.#onKill.push(fn);
  }

  kill(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#held = [];
    for (const fn of this.#onKill.splice(0)) fn();
  }
}
