import { describe, expect, it } from 'vitest';
import { absentees } from '../src/faults/absence.js';
import { Nemesis } from '../src/faults/nemesis.js';
import { unsettled } from '../src/run/converge.js';
import { Tally } from '../src/run/tally.js';
import { Scenario } from './scenario.js';

describe('a minority that stays away', () => {
  it('is one store of three and two of five, and none while another is lost', async () => {
    const three = await Scenario.start('away of three');
    const { cluster } = three;
    expect(absentees(cluster, 2)).toEqual([cluster.stores[1]]);
    expect(absentees(cluster, 0)).toEqual([]);
    cluster.stores[2]!.damaged = true;
    expect(absentees(cluster, 2)).toEqual([]);
    const five = await Scenario.start('away of five', { stores: 5 });
    const { stores } = five.cluster;
    const away = absentees(five.cluster, 2);
    const voters = five.leader().status.region.peers.map(({ storeId }) => storeId);
    expect(away).toHaveLength(2);
    // Of three voters one may go, and of the two stores without a peer any.
    expect(away.filter(({ storeId }) => voters.includes(storeId!)).length).toBeLessThan(2);
    expect(away).not.toContain(stores[0]);
  });

  it('leaves a cluster that settles and serves, and that levels when it comes back', async () => {
    const scenario = await Scenario.start('minority away');
    const { cluster } = scenario;
    const nemesis = new Nemesis(cluster, new Tally());
    let away: Awaited<ReturnType<Nemesis['heal']>> | undefined;
    void nemesis.heal(1).then((stores) => {
      away = stores;
    });
    await scenario.until('healed', () => away !== undefined);
    expect(away).toHaveLength(1);
    await scenario.until(
      'settled without it',
      () => unsettled(cluster, away) === undefined,
      20_000,
    );
    const { node } = scenario.leader();
    expect(await scenario.wait(scenario.putAt(node, 'x', '1'))).toBe('ok');
    // A restart that a fault had put off does not bring it back.
    await scenario.run(10_000);
    expect(unsettled(cluster)).toBe(`${away![0]!.name} is not up`);
    void nemesis.bringBack();
    await scenario.until('level', () => unsettled(cluster) === undefined, 20_000);
  });
});
