/** A directed graph over the numbers below `size`, its edges numbered in the order they are given. */
export class Graph {
  readonly size: number;
  readonly #from: readonly number[];
  readonly #to: readonly number[];
  /** Edges by the node that they leave: those of node n are at [#start[n], #start[n + 1]). */
  readonly #start: Int32Array;
  readonly #edges: Int32Array;

  constructor(size: number, from: readonly number[], to: readonly number[]) {
    this.size = size;
    this.#from = from;
    this.#to = to;
    this.#start = new Int32Array(size + 1);
    for (const node of from) this.#start[node + 1]!++;
    for (let i = 0; i < size; i++) this.#start[i + 1]! += this.#start[i]!;
    this.#edges = new Int32Array(from.length);
    const next = this.#start.slice();
    for (const [edge, node] of from.entries()) this.#edges[next[node]!++] = edge;
  }

  /** Sets of two nodes and more in which each can reach each other (Tarjan, without recursion). */
  components(): number[][] {
    const { size } = this;
    const found: number[][] = [];
    const order = new Int32Array(size);
    const low = new Int32Array(size);
    const isOpen = new Uint8Array(size);
    const next = this.#start.slice(0, size);
    const open: number[] = [];
    const path: number[] = [];
    let visited = 0;
    const enter = (node: number): void => {
      order[node] = low[node] = ++visited;
      isOpen[node] = 1;
      open.push(node);
      path.push(node);
    };
    for (let root = 0; root < size; root++) {
      if (order[root] !== 0) continue;
      enter(root);
      while (path.length > 0) {
        const node = path.at(-1)!;
        if (next[node]! < this.#start[node + 1]!) {
          const target = this.#to[this.#edges[next[node]!++]!]!;
          if (order[target] === 0) enter(target);
          else if (isOpen[target] === 1) low[node] = Math.min(low[node]!, order[target]!);
          continue;
        }
        path.pop();
        const parent = path.at(-1);
        if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!);
        if (low[node] !== order[node]) continue;
        const component = open.splice(open.lastIndexOf(node));
        for (const member of component) isOpen[member] = 0;
        if (component.length > 1) found.push(component);
      }
    }
    return found;
  }

  /** Edges of a shortest cycle through one of `tries` nodes of a component, in order. */
  shortestCycle(component: readonly number[], tries: number): number[] {
    const members = new Set(component);
    let best: number[] = [];
    for (const root of component.slice(0, tries)) {
      const cycle = this.#cycleThrough(root, members, best.length);
      if (cycle !== undefined) best = cycle;
      if (best.length === 2) break;
    }
    return best;
  }

  /** By breadth first; undefined when there is none shorter than `limit` (0 for any length). */
  #cycleThrough(root: number, members: ReadonlySet<number>, limit: number): number[] | undefined {
    const reachedBy = new Map<number, number>();
    let front = [root];
    for (let length = 1; front.length > 0 && (limit === 0 || length < limit); length++) {
      const further: number[] = [];
      for (const node of front) {
        for (let i = this.#start[node]!; i < this.#start[node + 1]!; i++) {
          const edge = this.#edges[i]!;
          const target = this.#to[edge]!;
          if (!members.has(target) || reachedBy.has(target)) continue;
          reachedBy.set(target, edge);
          if (target === root) return this.#trace(root, reachedBy);
          further.push(target);
        }
      }
      front = further;
    }
    return undefined;
  }

  #trace(root: number, reachedBy: ReadonlyMap<number, number>): number[] {
    const cycle: number[] = [];
    let node = root;
    do {
      const edge = reachedBy.get(node)!;
      cycle.push(edge);
      node = this.#from[edge]!;
    } while (node !== root);
    return cycle.reverse();
  }
}
