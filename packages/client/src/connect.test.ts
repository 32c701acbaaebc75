import { utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { connect } from './connect.js';

describe('connect', () => {
  it('runs on the world that it is given', async () => {
    const cluster = await FakeCluster.start();
    const { clock } = cluster.env;
    const client = await clock.runUntil(connect({ scheduler: SCHEDULER, env: cluster.env }));
    await clock.runUntil(client.raw.put(utf8('k'), utf8('v')));
    await clock.runUntil(client.close());
    await expect(clock.runUntil(client.raw.get(utf8('k')))).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });

  it('waits for a cluster that has no store yet', async () => {
    const cluster = await FakeCluster.start();
    cluster.bootstrapped = false;
    const connecting = connect({ scheduler: SCHEDULER, env: cluster.env });
    await cluster.env.clock.run(1_000);
    cluster.bootstrapped = true;
    await cluster.env.clock.runUntil(connecting);
    cluster.bootstrapped = false;
    const failing = connect({ scheduler: SCHEDULER, env: cluster.env, retries: 2 });
    await expect(cluster.env.clock.runUntil(failing)).rejects.toThrow('not bootstrapped');
  });

  it('in the real world says that nobody is there', async () => {
    const failing = connect({ scheduler: '127.0.0.1:1', retries: 0 });
    await expect(failing).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
