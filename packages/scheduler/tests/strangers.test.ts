/** What anybody can send to a scheduler, and what must not come of it. */
import { schedulerpb } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { Harness } from './support/harness.js';

const { Scheduler } = schedulerpb;
let harness: Harness;

beforeEach(async () => {
  harness = new Harness({});
  await harness.start();
});

async function addresses(): Promise<readonly string[]> {
  const { stores } = await harness.call(Scheduler.getAllStores, {});
  return stores.map(({ address }) => address);
}

describe('a store whose address leads nowhere', () => {
  const BAD = ['', 'localhost', ':20160', 'store:0', 'store:99999', 'two words:1', 'http://a:1'];

  it('is not registered', async () => {
    await harness.bootstrap();
    for (const address of BAD) {
      await expect(harness.call(Scheduler.putStore, { store: { id: 2, address } })).rejects.toThrow(
        `store 2: ${JSON.stringify(address)} is not an address that other stores can reach`,
      );
    }
    expect(await addresses()).toEqual(['store:1']);
  });

  it('does not bootstrap a cluster', async () => {
    for (const address of BAD) {
      const store = { id: 1, address };
      await expect(harness.call(Scheduler.bootstrap, { store })).rejects.toThrow(/other stores/);
    }
    expect(await harness.call(Scheduler.isBootstrapped, {})).toMatchObject({ bootstrapped: false });
  });
});
