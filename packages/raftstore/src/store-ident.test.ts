import { ByteWriter, crc32 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { type SchedulerApi, StoreRefusedError, storeIdentKey } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import { RecordEngine } from '../tests/record-engine.js';
import { defaultRaftStoreConfig } from './config.js';
import { NEVER_STARTED } from './local-state.js';
import { openIdent, readIdent, registeredCluster, writeIdent } from './store-ident.js';

const config = { ...defaultRaftStoreConfig, address: 'store-3:1' };
const scheduler = {
  clusterId: 7,
  isBootstrapped: async () => true,
  clusterApi: async () => 'raw',
  allocId: async () => 3,
} as unknown as SchedulerApi;

/** Answers nothing but its name. */
const silent = { clusterId: 7 } as SchedulerApi;

describe('the ident of a store', () => {
  it('has a greater start token at every start, on disk before it is used', async () => {
    const { engine } = new RecordEngine();
    const tokens: number[] = [];
    for (let i = 0; i < 5; i++) {
      const ident = await openIdent(fakeEnv({ seed: i }), engine, scheduler, config);
      expect(readIdent(engine)).toEqual(ident);
      tokens.push(ident.startToken);
    }
    for (let i = 1; i < tokens.length; i++) expect(tokens[i]).toBeGreaterThan(tokens[i - 1]!);
  });

  it('differs between two copies of a folder that are started alike', async () => {
    const [a, b] = [new RecordEngine().engine, new RecordEngine().engine];
    for (const engine of [a, b]) await openIdent(fakeEnv(), engine, scheduler, config);
    const first = await openIdent(fakeEnv({ seed: 'a' }), a, silent, config);
    const second = await openIdent(fakeEnv({ seed: 'b' }), b, silent, config);
    expect(first.startToken).not.toBe(second.startToken);
  });

  it('needs no scheduler once the store is registered', async () => {
    const { engine } = new RecordEngine();
    const ident = await openIdent(fakeEnv(), engine, scheduler, config);
    expect(registeredCluster(engine)).toBeUndefined();
    await writeIdent(engine, { ...ident, address: config.address });
    expect(registeredCluster(engine)).toBe(7);
    const again = await openIdent(fakeEnv(), engine, silent, config);
    expect(again).toMatchObject({ storeId: 3, api: 'raw', address: config.address });
  });

  it('of a fenced folder refuses every later start, and says the way out', async () => {
    const { engine } = new RecordEngine();
    const ident = await openIdent(fakeEnv(), engine, scheduler, config);
    await writeIdent(engine, { ...ident, fenced: 'store 3 was started again at b:1' });
    const start = openIdent(fakeEnv(), engine, scheduler, config);
    await expect(start).rejects.toThrow(StoreRefusedError);
    await expect(start).rejects.toThrow(/started again at b:1.*older copy.*empty folder/);
  });

  it('of an older build is read', async () => {
    const { engine } = new RecordEngine();
    const w = new ByteWriter(32).u8(1).u64(7).u64(3).u8(1);
    const batch = engine.batch();
    batch.put(storeIdentKey, w.u32(crc32(w.finish())).finish().slice());
    await engine.write(batch, { sync: true });
    expect(readIdent(engine)).toEqual({ clusterId: 7, storeId: 3, api: 'raw', ...NEVER_STARTED });
  });
});
