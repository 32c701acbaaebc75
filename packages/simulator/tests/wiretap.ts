import { batchMethod, type Method, schedulerpb, tinykvadmin, tinykvstream } from '@tinykv/proto';
import { afterEach, vi } from 'vitest';
import { SimNet } from '../src/world/sim-net.js';

const { open, call } = SimNet.prototype;

/**
 * Counts what all processes of simulated clusters send: timestamps asked for, and requests to stores by the name
 * of their method, whether on a stream or by themselves. Messages between stores do not count, nor what stores ask
 * of the scheduler by themselves.
 */
export class Wiretap {
  readonly #counts = new Map<string, number>();

  constructor() {
    const tap = this;
    vi.spyOn(SimNet.prototype, 'open').mockImplementation(function (this: SimNet, ...args) {
      const [, method] = args;
      const stream = open.apply(this, args);
      const send = stream.send.bind(stream);
      return Object.assign(stream, {
        send: (message: Uint8Array): boolean => {
          tap.#onMessage(method, message);
          return send(message);
        },
      });
    });
    vi.spyOn(SimNet.prototype, 'call').mockImplementation(function (this: SimNet, ...args) {
      const [, method] = args;
      if (!isHousekeeping(method)) tap.#add(method.slice(method.lastIndexOf('/') + 1));
      return call.apply(this, args);
    });
    afterEach(() => {
      vi.restoreAllMocks();
    });
  }

  /** What has been sent since the last look, by name: `Tso`, `KvPrewrite`, `GetRegion` … */
  take(): Record<string, number> {
    const taken = Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
    this.#counts.clear();
    return taken;
  }

  #onMessage(path: string, message: Uint8Array): void {
    if (isOf(schedulerpb.Scheduler.tso, path)) this.#add('Tso');
    if (!isOf(tinykvstream.Batch.commands, path)) return;
    for (const { id, method } of tinykvstream.BatchRequest.decode(message).items) {
      // A greeting is numbered 0.
      if (id !== 0) this.#add(batchMethod(method)?.name ?? `method ${method}`);
    }
  }

  #add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }
}

const { getRegion, getStore } = schedulerpb.Scheduler;
const schedulerCalls: ReadonlySet<string> = new Set(
  [schedulerpb.Scheduler, tinykvadmin.Admin].flatMap((service) =>
    Object.values<Method<object, object>>(service).map(({ path }) => path),
  ),
);

/** What is asked of the scheduler now and then, but for what clients ask to find their way. */
function isHousekeeping(path: string): boolean {
  return schedulerCalls.has(path) && !isOf(getRegion, path) && !isOf(getStore, path);
}

function isOf(method: Method<object, object>, path: string): boolean {
  return method.path === path;
}
