import { KvError } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { type ApiMode, prepareBootstrapKey, type Region, type SchedulerApi } from '@tinykv/model';
import type { RaftLog } from '@tinykv/raft';
import { expect, it } from 'vitest';
import { RecordEngine } from '../tests/record-engine.js';
import { bootstrapCluster } from './bootstrap.js';
import { defaultRaftStoreConfig } from './config.js';
import { openIdent, readIdent } from './store-ident.js';

/** A scheduler whose cluster another store bootstraps, with this api, just before ours can. */
function lostTo(clusterApi: ApiMode): SchedulerApi {
  let nextId = 5;
  let isBootstrapped = false;
  return {
    clusterId: 7,
    isBootstrapped: async () => isBootstrapped,
    allocId: async () => nextId++,
    bootstrap: async () => {
      isBootstrapped = true;
      return false;
    },
    allStores: async () => [],
    clusterApi: async () => clusterApi,
  } as unknown as SchedulerApi;
}

const config = { ...defaultRaftStoreConfig, api: 'raw', address: 'store-5:1' } as const;
const log = {} as RaftLog;

it('a store that lost the bootstrap to one with another api is refused, and its folder stays usable', async () => {
  const { engine } = new RecordEngine();
  const scheduler = lostTo('txn');
  const ident = await openIdent(fakeEnv(), engine, scheduler, config);
  const start = bootstrapCluster(fakeEnv(), engine, log, scheduler, ident, config.address);
  await expect(start).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message:
      'this store was started with api raw, and another bootstrapped the cluster with api txn',
  });
  expect([readIdent(engine), engine.get(prepareBootstrapKey)]).toEqual([undefined, undefined]);
  const again = await openIdent(fakeEnv(), engine, scheduler, config);
  expect(again.api).toBe('txn');
  await bootstrapCluster(fakeEnv(), engine, log, scheduler, again, config.address);
});

it('a store that lost the bootstrap to one with its own api joins', async () => {
  const { engine } = new RecordEngine();
  const scheduler = lostTo('raw');
  const ident = await openIdent(fakeEnv(), engine, scheduler, config);
  await bootstrapCluster(fakeEnv(), engine, log, scheduler, ident, config.address);
  expect(readIdent(engine)).toEqual(ident);
});

it('a bootstrap that got no answer is offered again, with the same Region, for half a minute', async () => {
  const { engine } = new RecordEngine();
  const offered: number[] = [];
  let answers = false;
  const scheduler = {
    ...lostTo('raw'),
    bootstrap: async (_store: unknown, { id }: Region) => {
      offered.push(id);
      if (!answers) throw new KvError('UNAVAILABLE', 'not leader');
      return false;
    },
    isBootstrapped: async () => false,
  } as unknown as SchedulerApi;
  const env = fakeEnv();
  const ident = await openIdent(env, engine, scheduler, config);
  const offer = (): Promise<void> =>
    env.clock.runUntil(
      bootstrapCluster(env, engine, log, scheduler, ident, config.address),
      60_000,
    );
  await expect(offer()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(offered.length).toBeGreaterThan(10);
  expect(env.clock.mono()).toBeLessThan(40_000);
  const joining = offer();
  await env.clock.settle();
  answers = true;
  await joining;
  expect(new Set(offered).size).toBe(1);
});
