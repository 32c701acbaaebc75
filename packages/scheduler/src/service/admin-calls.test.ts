import { TS_ZERO } from '@tinykv/base';
import { allMethods, tinykvadmin } from '@tinykv/proto';
import { expect, it } from 'vitest';
import { Harness } from '../../tests/support/harness.js';

const { Admin } = tinykvadmin;
const OTHER = 7;

/** Requests that this cluster would take. */
const requests: Readonly<Record<string, object>> = {
  [Admin.setStoreState.path]: { storeId: 1, state: 1 },
  [Admin.setGC.path]: { lifeTimeMs: 3_600_000, runIntervalMs: 60_000 },
  [Admin.updateServiceGCSafePoint.path]: { serviceId: 'x', safePoint: TS_ZERO, ttlMs: 0 },
};
const methods = allMethods.filter(({ service }) => service === 'tinykvadmin.Admin');

it.each(methods.map((method) => [method.name, method] as const))(
  '%s is refused to an operator of another cluster, and not to one who does not say',
  async (_name, method) => {
    const harness = new Harness();
    await harness.start();
    await harness.bootstrap();
    const unary = method as (typeof Admin)['setGC'];
    const send = (clusterId: number): Promise<unknown> =>
      harness.send(unary, { ...requests[method.path], clusterId });
    await expect(send(OTHER)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: `mismatch cluster id, need ${harness.clusterId} but got ${OTHER}`,
    });
    expect(harness.group.state.stores.get(1)?.state).toBe('up');
    expect(harness.group.state.gc.settings).toBeUndefined();
    await expect(send(0)).resolves.toBeDefined();
    await expect(send(harness.clusterId)).resolves.toBeDefined();
  },
);
