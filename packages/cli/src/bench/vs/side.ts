import type { Operation } from '../driver.js';
import type { ProcessRef } from './usage.js';

/** Work that is ready to run on one of the two systems. */
export interface Side {
  /** `ours`, `etcd`, `redis`. */
  readonly system: string;
  readonly operation: Operation;
  /** Processes that do the work, but the client. */
  readonly servers: readonly ProcessRef[];
  /** fdatasyncs so far; undefined when the system does not say. */
  fsyncs(): Promise<number | undefined>;
  /** Lets go of the connections. */
  close(): Promise<void>;
}

export interface Pair {
  readonly ours: Side;
  readonly peer: Side;
}

/** Opens ours, then the peer's; when that fails, neither stays open. */
export async function openBoth(
  openOurs: () => Promise<Side>,
  openPeer: () => Promise<Side>,
): Promise<Pair> {
  const ours = await openOurs();
  return { ours, peer: await orClose(() => ours.close(), openPeer) };
}

/** The result of the work; when it fails, what it needed is closed. */
export async function orClose<T>(close: () => Promise<void>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await close();
    throw error;
  }
}
