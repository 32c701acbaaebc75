import { makeMessage } from '@tinykv/raft';
import { expect, it } from 'vitest';
import { deliver } from './deliver.js';
import { Scenario } from './scenario.js';

const PUTS = 60;

it('a follower that installs a snapshot serves no reads, even when it is asked to lead', async () => {
  const scenario = await Scenario.start('snapshot reads', { logGcEntries: 5 });
  const { node: leader } = scenario.leader();
  expect(await scenario.wait(scenario.putAt(leader, 'x', 'old'))).toBe('ok');
  await scenario.run(1_000);
  const follower = scenario.others(leader)[0]!;
  const behind = scenario.peer(follower).lastIndex;
  follower.crash();
  for (let i = 0; i < PUTS; i++) {
    expect(await scenario.wait(scenario.putAt(leader, `k${i}`, 'some value'))).toBe('ok');
  }
  expect(await scenario.wait(scenario.putAt(leader, 'x', 'new'))).toBe('ok');
  await scenario.until(
    "the leader's log no longer reaches back to the follower",
    () => scenario.peer(leader).firstIndex > behind + 1,
  );
  // Slow, so that the state on its disk is half of one and half of the other for long.
  follower.machine.disk.traits.delayMeanMs = 20;
  await follower.start();
  await scenario.until('it is back', () => follower.up);
  // Nothing but a snapshot takes it beyond the log that it had.
  const isInstalling = (): boolean => {
    const { committed, lastIndex } = scenario.peer(follower);
    return lastIndex === behind && committed > behind;
  };
  await scenario.until('the follower takes the snapshot', isInstalling);
  let asked = 0;
  for (; isInstalling(); asked++) {
    const { term } = scenario.peer(leader);
    if (asked === 1)
      deliver(leader, follower, scenario, makeMessage({ type: 'MsgTimeoutNow', term }));
    const read = scenario.getAt(follower, 'x');
    await scenario.run(2);
    if (isInstalling()) expect(await scenario.wait(read)).toBe('refused');
    expect(scenario.peer(follower).role).toBe('StateFollower');
  }
  expect(asked).toBeGreaterThan(10);
  follower.machine.disk.traits.delayMeanMs = 0.2;
  await scenario.until('it is level', () => {
    const { applied } = scenario.peer(follower);
    return applied === scenario.peer(leader).applied;
  });
});
