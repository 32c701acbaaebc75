import { createServer } from 'node:net';

export const HOST = '127.0.0.1';
export const STORES_MAX = 16;

/** The ports of one playground. */
export interface PortBlock {
  readonly scheduler: number;
  readonly schedulerStatus: number;
  readonly gateway: number;
  readonly gatewayStatus: number;
  /** `stores[i]` and `storeStatus[i]` belong to store `i + 1`. */
  readonly stores: readonly number[];
  readonly storeStatus: readonly number[];
}

const PORT_MAX = 65_535;
const BLOCK_STEP = 100;
const BLOCKS_MAX = 50;

/**
 * Status ports are as far above those of their services as they are by default.
 * The ports that users of TinyKV and Redis know, or one block from `base` on; the n-th block lies 100n above.
 */
export function portBlock(base: number | undefined, n: number): PortBlock {
  const shift = n * BLOCK_STEP;
  const range = (first: number): number[] =>
    Array.from({ length: STORES_MAX }, (_, i) => first + shift + i);
  if (base === undefined) {
    return {
      scheduler: 2379 + shift,
      schedulerStatus: 2381 + shift,
      gateway: 6379 + shift,
      gatewayStatus: 6381 + shift,
      stores: range(20_160),
      storeStatus: range(20_180),
    };
  }
  return {
    scheduler: base + shift,
    schedulerStatus: base + 2 + shift,
    gateway: base + 4 + shift,
    gatewayStatus: base + 6 + shift,
    stores: range(base + 10),
    storeStatus: range(base + 30),
  };
}

/** Whether a block from there on has ports for all the stores that a playground may have. */
export function isBlockBase(base: number): boolean {
  return Math.max(...portsInUse(portBlock(base, 0), STORES_MAX)) <= PORT_MAX;
}

/** The ports that the first `stores` stores and the rest of the cluster need. */
function portsInUse(block: PortBlock, stores: number): number[] {
  return [
    block.scheduler,
    block.schedulerStatus,
    block.gateway,
    block.gatewayStatus,
    ...block.stores.slice(0, stores),
    ...block.storeStatus.slice(0, stores),
  ];
}

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}

/** Ports of a block that other processes hold. */
export async function takenPorts(block: PortBlock, stores: number): Promise<readonly number[]> {
  const ports = portsInUse(block, stores);
  const free = await Promise.all(ports.map(isPortFree));
  return ports.filter((_, i) => !free[i]);
}

export interface ChosenPorts {
  readonly block: PortBlock;
  /** Ports that other processes hold, of the blocks that were passed over. */
  readonly taken: readonly number[];
}

/** The first block that is free as a whole; undefined when there is none. */
export async function choosePorts(
  base: number | undefined,
  stores: number,
): Promise<ChosenPorts | undefined> {
  const taken: number[] = [];
  for (let n = 0; n < BLOCKS_MAX; n++) {
    const block = portBlock(base, n);
    if (Math.max(...portsInUse(block, stores)) > PORT_MAX) break;
    const busy = await takenPorts(block, stores);
    if (busy.length === 0) return { block, taken };
    taken.push(...busy);
  }
  return undefined;
}
