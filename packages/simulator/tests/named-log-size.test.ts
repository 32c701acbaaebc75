import { describe, expect, it } from 'vitest';
import { Scenario } from './scenario.js';

const VALUE_BYTES = 65_536;
const LOG_BYTES_MAX = 8 * VALUE_BYTES;
const PUTS = 40;

describe('the log of a Region', () => {
  it('is bounded in bytes, and empties once nobody writes', async () => {
    const scenario = await Scenario.start('a log of large values', {
      logGcBytes: LOG_BYTES_MAX,
    });
    const { node } = scenario.leader();
    const value = 'v'.repeat(VALUE_BYTES);
    for (let i = 0; i < PUTS; i++) {
      expect(await scenario.wait(scenario.putAt(node, 'key', value))).toBe('ok');
    }
    // A barrier and what it lets the log forget.
    await scenario.run(2_000);
    for (const store of scenario.cluster.stores) {
      const { logBytes, firstIndex, lastIndex } = scenario.peer(store);
      expect(logBytes).toBeLessThanOrEqual(LOG_BYTES_MAX + VALUE_BYTES);
      const kept = lastIndex - firstIndex + 1;
      expect(kept).toBeLessThanOrEqual(LOG_BYTES_MAX / VALUE_BYTES + 2);
    }
    await scenario.run(15_000);
    for (const store of scenario.cluster.stores) {
      const { logBytes, firstIndex, lastIndex } = scenario.peer(store);
      expect([logBytes, firstIndex]).toEqual([0, lastIndex + 1]);
      expect(store.store!.memory.used).toBe(0);
    }
    // An empty log takes up where it left off, also with a leader that has nothing of it.
    const heir = scenario.transferLeader();
    await scenario.untilLeads(heir);
    expect(await scenario.wait(scenario.putAt(heir, 'key', 'w'))).toBe('ok');
    expect(await scenario.wait(scenario.getAt(heir, 'key'))).toBe('w');
  });

  it('keeps what a member that is away lacks, within the bound', async () => {
    const scenario = await Scenario.start('a member that is away');
    const { node } = scenario.leader();
    const [away, other] = scenario.others(node);
    for (const peer of [node, other!]) {
      scenario.cut(peer, away!);
      scenario.cut(away!, peer);
    }
    for (let i = 0; i < 20; i++) {
      expect(await scenario.wait(scenario.putAt(node, `key-${i}`, 'value'))).toBe('ok');
    }
    await scenario.run(30_000);
    const lacking = scenario.peer(away!).lastIndex + 1;
    for (const store of [node, other!]) {
      expect(scenario.peer(store).firstIndex).toBeLessThanOrEqual(lacking);
    }
    for (const peer of [node, other!]) {
      scenario.heal(peer, away!);
      scenario.heal(away!, peer);
    }
    await scenario.until('nothing is kept', () =>
      scenario.cluster.stores.every((store) => scenario.peer(store).logBytes === 0),
    );
    const applied = scenario.cluster.stores.map((store) => scenario.peer(store).applied);
    expect(new Set(applied).size).toBe(1);
  });
});
