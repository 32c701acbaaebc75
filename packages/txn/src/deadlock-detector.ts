import { limits } from '@tinykv/base';
import type { WaitForEdge } from '@tinykv/model';
import { WaitForGraph } from './deadlock.js';

/** Finds waits of this store's transactions that are part of a cycle, wherever the others of it are. */
export interface DeadlockDetector {
  /**
   * A wait that goes on until the function that it returns is called. `onDeadlock` is told, at most once, that
   * the wait closes a cycle: possibly at once, or much later, when whoever knows has been reached.
   */
  watch(wait: WaitForEdge, onDeadlock: (cycle: readonly WaitForEdge[]) => void): () => void;
}

/** For a store that is alone: all waits are its own, and none is forgotten. */
export class LocalDeadlockDetector implements DeadlockDetector {
  readonly #graph = new WaitForGraph(Number.POSITIVE_INFINITY, limits.waitForEdgesMax);

  watch(wait: WaitForEdge, onDeadlock: (cycle: readonly WaitForEdge[]) => void): () => void {
    const cycle = this.#graph.add(wait, 0);
    if (cycle !== undefined) {
      onDeadlock(cycle);
      return () => undefined;
    }
    return () => this.#graph.remove(wait);
  }
}
