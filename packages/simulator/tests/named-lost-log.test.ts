import { describe, expect, it } from 'vitest';
import { unsettled } from '../src/run/converge.js';
import { SimProcess } from '../src/world/sim-proc.js';
import { Scenario } from './scenario.js';

describe('follower_lost_synced_log', () => {
  it.each([3, 4])('of %i stores: the scheduler has the damaged peer replaced', async (stores) => {
    const scenario = await Scenario.start(`lost log ${stores}`, { stores });
    const { world, cluster } = scenario;
    const { node: leader } = scenario.leader();
    for (let i = 0; i < 20; i++) await scenario.wait(scenario.putAt(leader, 'x', `${i}`));
    await scenario.run(1_000);
    const { region } = scenario.peer(leader);
    const node = scenario.successor();
    const { peerId } = scenario.peer(node);
    node.crash();
    await scenario.run(100);

    // Somebody, or something, empties the log of the Region.
    const { machine } = node;
    machine.attach(new SimProcess(world, 'a hand'));
    await scenario.wait(machine.log.open());
    await scenario.wait(machine.log.append([{ group: region.id, destroy: true }]));
    await machine.log.close();

    await node.start();
    await scenario.until('it is known as damaged', () => {
      return cluster.peers().some(({ status }) => status.role === 'Damaged');
    });
    expect(node.store?.notReady).toMatch(/all peers of this store are damaged/);
    expect(leader.store?.notReady).toBeUndefined();
    await scenario.until('it is replaced', () => {
      const { region } = scenario.leader().status;
      const isGone = region.peers.every(({ id }) => id !== peerId);
      return isGone && unsettled(cluster) === undefined;
    });
    expect(scenario.leader().status.region.peers).toHaveLength(3);
    expect(cluster.peers().map(({ status }) => status.role)).not.toContain('Damaged');
    expect(node.store?.notReady).toBeUndefined();
  });
});
