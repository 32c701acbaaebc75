/** The scheduler on its real Raft group: what is promised survives kill -9, at every step of the disk. */
import { type NetServer, type Timestamp, TS_ZERO } from '@tinykv/base';
import { type FakeEnv, fakeEnv, ManualClock, MemoryFs, MemoryNetwork } from '@tinykv/base/testing';
import { type Init, schedulerpb, type UnaryMethod } from '@tinykv/proto';
import { describe, expect, it } from 'vitest';
import { MemoryRaftLog } from '../../engine/src/raft-log/memory-raft-log.js';
import { createScheduler, type Scheduler } from '../src/index.js';
import { STATE_FILE } from '../src/state-file.js';

const ADDRESS = 'scheduler:2379';

/** One machine: its clock, its files and its log outlive the process. */
class Machine {
  readonly clock: ManualClock = new ManualClock();
  readonly fs: MemoryFs = new MemoryFs();
  readonly net: MemoryNetwork = new MemoryNetwork(this.clock);
  readonly log: MemoryRaftLog = new MemoryRaftLog();
  readonly failures: unknown[] = [];
  scheduler!: Scheduler;
  env!: FakeEnv;
  #server: NetServer | undefined;
  #seed = 0;

  async start(): Promise<void> {
    const { clock, fs, net, log } = this;
    this.env = fakeEnv({ clock, fs, net, seed: ++this.#seed });
    const fatal = (error: unknown): void => void this.failures.push(error);
    this.scheduler = await createScheduler(this.env, { log, fatal });
    this.#server = await net.serve(ADDRESS, this.scheduler.services());
    await clock.runUntil(this.scheduler.start());
  }

  /** As on SIGTERM. */
  async stop(): Promise<void> {
    await this.#server?.close(0);
    await this.clock.runUntil(this.scheduler.stop());
    await this.log.close();
  }

  /** The process is gone: of the log only what was durable is left, files are whole or old. */
  async kill(): Promise<void> {
    await this.#server?.close(0);
    this.log.crash();
    const { scheduler } = this;
    // Its timers must not go on; what it still writes must not reach the disk.
    const files = new Map(this.fs.files);
    await this.clock.runUntil(scheduler.stop().catch(() => undefined));
    this.fs.files.clear();
    for (const [path, bytes] of files) this.fs.files.set(path, bytes);
  }

  async call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Omit<Init<Request>, 'header'>,
  ): Promise<Response> {
    const header = { clusterId: this.scheduler.status().clusterId };
    const bytes = method.request.encode({ header, ...request } as Init<Request>);
    const answer = this.net.call(ADDRESS, method.path, bytes, { timeoutMs: 1_000 });
    return method.response.decode(await this.clock.runUntil(answer));
  }

  async id(): Promise<number> {
    return (await this.call(schedulerpb.Scheduler.allocID, {})).id;
  }

  async timestamp(): Promise<Timestamp> {
    const { tso } = schedulerpb.Scheduler;
    let last = TS_ZERO;
    const stream = this.net.open(ADDRESS, tso.path, {
      onMessage: (bytes) => {
        const { timestamp } = tso.response.decode(bytes);
        last = (BigInt(timestamp!.physical) << 18n) | BigInt(timestamp!.logical);
      },
      onClose: () => {},
    });
    const header = { clusterId: this.scheduler.status().clusterId };
    stream.send(tso.request.encode({ header, count: 1 }));
    await this.clock.run(100);
    stream.end();
    return last;
  }
}

const store = { id: 1, address: 'store:1' };

describe('a scheduler on its Raft group', () => {
  it('gives the cluster an id below 2^53 that never changes', async () => {
    const machine = new Machine();
    await machine.start();
    const { clusterId } = machine.scheduler.status();
    expect(Number.isSafeInteger(clusterId) && clusterId > 2 ** 32).toBe(true);
    await machine.kill();
    await machine.start();
    expect(machine.scheduler.status().clusterId).toBe(clusterId);
  });

  it('keeps what it promised over many crashes', async () => {
    const machine = new Machine();
    await machine.start();
    await machine.call(schedulerpb.Scheduler.bootstrap, { store, api: 'raw' });
    await machine.call(schedulerpb.Scheduler.updateGCSafePoint, { safePoint: 2n ** 53n + 1n });
    let [lastId, lastTs] = [0, TS_ZERO];
    for (let life = 0; life < 12; life++) {
      const [id, ts] = [await machine.id(), await machine.timestamp()];
      expect(id).toBeGreaterThan(lastId);
      expect(ts).toBeGreaterThan(lastTs);
      [lastId, lastTs] = [id, ts];
      // Some lives are long enough for a state file, and the clock is not to be trusted.
      await machine.clock.run(life % 3 === 0 ? 30_000 : 200);
      await machine.kill();
      machine.clock.jumpWall(life % 2 === 0 ? -120_000 : 30_000);
      await machine.start();
    }
    const { cluster } = await machine.call(schedulerpb.Scheduler.getClusterConfig, {});
    expect(cluster).toMatchObject({ api: 'raw', maxPeerCount: 3 });
    const gc = await machine.call(schedulerpb.Scheduler.getGCSafePoint, {});
    expect(gc.safePoint).toBe(2n ** 53n + 1n);
    expect(machine.failures).toEqual([]);
  });

  it('stores its state now and then, so that the log does not grow for ever', async () => {
    const machine = new Machine();
    await machine.start();
    await machine.call(schedulerpb.Scheduler.bootstrap, { store });
    // An entry every second and a half.
    await machine.clock.run(300_000);
    await machine.stop();
    const [group] = await machine.log.open();
    expect(group!.lastIndex).toBeGreaterThan(150);
    expect(group!.lastIndex - group!.truncated.index).toBeLessThan(120);
    await machine.log.close();
  });

  it('replays nothing after an orderly stop', async () => {
    const machine = new Machine();
    await machine.start();
    await machine.call(schedulerpb.Scheduler.bootstrap, { store });
    await machine.stop();
    expect(machine.fs.files.has(STATE_FILE)).toBe(true);
    machine.log.read = () => Promise.reject(new Error('nothing should be read'));
    await machine.start();
    expect(machine.scheduler.status().bootstrapped).toBe(true);
  });

  it('stops the process when the state file cannot be written', async () => {
    const machine = new Machine();
    await machine.start();
    machine.env.faults.arm('scheduler-before-state-file', () => {
      throw new Error('no space left');
    });
    await machine.clock.run(11_000);
    expect(machine.failures).toMatchObject([{ message: 'no space left' }]);
    await expect(machine.id()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('does not refuse a store whose registration its end cuts off', async () => {
    const machine = new Machine();
    await machine.start();
    await machine.call(schedulerpb.Scheduler.bootstrap, { store, region: undefined });
    machine.log.append = () => Promise.reject(new Error('input/output error'));
    const put = machine.call(schedulerpb.Scheduler.putStore, { store: { id: 2, address: 's:2' } });
    // The code of a refusal would end the store.
    await expect(put).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('outcome unknown'),
    });
    expect(machine.failures).toHaveLength(1);
  });

  it('refuses to start when file and log do not fit together', async () => {
    const machine = new Machine();
    await machine.start();
    await machine.clock.run(300_000);
    await machine.kill();
    const whole = machine.fs.files.get(STATE_FILE)!;

    for (const at of [0, 5, 20, whole.length - 1]) {
      const bad = whole.slice();
      bad[at] = bad[at]! ^ 1;
      machine.fs.files.set(STATE_FILE, bad);
      await expect(machine.start()).rejects.toMatchObject({ code: 'DATA_LOSS' });
      machine.log.crash();
    }
    machine.fs.files.delete(STATE_FILE);
    await expect(machine.start()).rejects.toMatchObject({ code: 'DATA_LOSS' });
    machine.log.crash();

    // The log of another machine.
    machine.fs.files.set(STATE_FILE, whole);
    const other = new Machine();
    for (const [path, bytes] of machine.fs.files) other.fs.files.set(path, bytes);
    await expect(other.start()).rejects.toMatchObject({ code: 'DATA_LOSS' });
  });
});
