import { KvError } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { type SchedulerApi, type StoreMeta, StoreRefusedError } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import { Registration } from './registration.js';

const store: StoreMeta = { id: 3, address: 'store-3:1', state: 'up', startToken: 7 };
const away = new KvError('UNAVAILABLE', 'nobody answers');

/** A registration whose tries end as told, the last way for ever. */
function registration(...outcomes: ('ok' | Error)[]) {
  const env = fakeEnv();
  const put: StoreMeta[] = [];
  let accepted = 0;
  const scheduler = {
    clusterApi: async () => 'txn',
    putStore: async (meta: StoreMeta) => {
      put.push(meta);
      const outcome = outcomes.length > 1 ? outcomes.shift() : outcomes[0];
      if (outcome instanceof Error) throw outcome;
    },
  } as unknown as SchedulerApi;
  const made = new Registration({
    env,
    scheduler,
    store,
    api: 'txn',
    accepted: async () => {
      accepted++;
    },
  });
  return { env, made, put, accepted: () => accepted };
}

describe('the registration of a store', () => {
  it('is done before a store takes part whose scheduler answers', async () => {
    const { env, made, put, accepted } = registration('ok');
    await env.clock.runUntil(made.begin(true, () => undefined));
    expect([made.isDone, accepted(), put]).toEqual([true, 1, [store]]);
  });

  it('goes on beside a store that serves where it was served last', async () => {
    const { env, made, put } = registration(away, away, away, away, away, away, 'ok');
    await env.clock.runUntil(made.begin(true, () => undefined));
    expect(made.isDone).toBe(false);
    await env.clock.run(20_000);
    expect([made.isDone, put.length]).toEqual([true, 7]);
  });

  it('is tried again while the disk of the scheduler is full, and while it is busy', async () => {
    const full = new KvError('RESOURCE_EXHAUSTED', 'the disk of the Raft log is full');
    const { env, made, put } = registration(full, full, 'ok');
    await env.clock.runUntil(made.begin(true, () => undefined));
    await env.clock.run(20_000);
    expect([made.isDone, put.length]).toEqual([true, 3]);
  });

  it('holds up a store of which the scheduler says that it may run elsewhere', async () => {
    const { env, made } = registration(new StoreRefusedError('perhaps', 'may still run'), away);
    let begun = false;
    void made
      .begin(true, () => undefined)
      .then(() => {
        begun = true;
      });
    await env.clock.run(20_000);
    expect(begun).toBe(false);
    made.stop();
  });

  it('holds up a store at another address, which may be a copy', async () => {
    const { env, made } = registration(away);
    let begun = false;
    void made
      .begin(false, () => undefined)
      .then(() => {
        begun = true;
      });
    await env.clock.run(60_000);
    expect(begun).toBe(false);
    made.stop();
  });

  it('of a store that stops meanwhile never lets it take part', async () => {
    const { env, made } = registration(away);
    const begun = env.clock.runUntil(made.begin(false, () => undefined));
    made.stop();
    await expect(begun).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('that is refused ends the start, or the store that serves by then', async () => {
    const refusal = new StoreRefusedError('elsewhere', 'store 3 runs at store-9:1');
    const early = registration(refusal);
    const begun = early.env.clock.runUntil(early.made.begin(true, () => undefined));
    await expect(begun).rejects.toBe(refusal);

    const late = registration(away, away, away, away, away, away, refusal);
    const refused: unknown[] = [];
    await late.env.clock.runUntil(late.made.begin(true, (error) => refused.push(error)));
    await late.env.clock.run(20_000);
    expect(refused).toEqual([refusal]);
  });
});
