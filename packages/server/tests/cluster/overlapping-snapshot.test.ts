import { fromUtf8 } from '@tinykv/base';
import { afterEach, describe, expect, it } from 'vitest';
import { Door, F, KEYS, SplitRace } from './split-race.js';

let race: SplitRace;

afterEach(() => race.stop());

describe('split_with_overlapping_snapshot', () => {
  it('the child comes by snapshot before the snapshot that still covers it: that one is refused', async () => {
    race = await SplitRace.start();
    const { cluster } = race;
    const door = race.doorOfSnapshots();
    await race.addParentBehind(door);
    const child = await race.split();
    await race.until('that of the child is too', () => door.waiting.length === 2);
    const [ofParent] = door.waiting.splice(0, 1);
    door.open();
    await race.until('the child is whole', () => (race.peer(child.id)?.applied ?? 0) > 5);
    for (let i = 0; i < KEYS; i++) await cluster.put(`k${i}`, 'newer');
    await cluster.expectEqualReplicas(child.id);
    const data = await cluster.regionDataOf(F, child);
    ofParent!();
    await race.until('the parent is whole', () => (race.peer(race.parent)?.applied ?? 0) > 5);
    expect(await cluster.regionDataOf(F, child)).toBe(data);
    await race.expectLevel(child);
    for (let i = 0; i < KEYS; i++) expect(fromUtf8((await cluster.get(`k${i}`))!)).toBe('newer');
  });

  it('it is refused as well when it is being verified while the child is installed', async () => {
    race = await SplitRace.start();
    const { cluster } = race;
    const door = race.doorOfFiles();
    await race.addParentBehind(door);
    const child = await race.split();
    await race.until('that of the child is too', () => door.waiting.length === 2);
    const [ofParent] = door.waiting.splice(0, 1);
    // The child's goes to the core and stops before it is installed; the parent's goes on now.
    door.next();
    await race.until('the child is being installed', () => door.waiting.length === 1);
    ofParent!();
    await cluster.clock.run(100);
    door.open();
    await race.expectLevel(child);
  });

  it('the snapshot that covers the child is being installed: the child waits for the split', async () => {
    race = await SplitRace.start();
    const { cluster } = race;
    const door = race.doorOfFiles();
    await race.addParentBehind(door);
    door.next();
    await race.until('it is being installed', () => door.waiting.length === 1);
    const child = await race.split();
    await cluster.clock.run(1_000);
    expect(door.waiting).toHaveLength(1);
    expect(race.peer(child.id)).toBeUndefined();
    door.open();
    await race.until('the split is applied', () => (race.peer(child.id)?.applied ?? 0) > 5);
    await race.expectLevel(child);
  });

  it('a follower that has yet to apply the split gets the child only after it', async () => {
    race = await SplitRace.start(5);
    const { cluster } = race;
    await cluster.addPeer(race.parent, F);
    const door = new Door();
    race.onAppend(() => door.pass());
    const child = await race.split();
    // The log of the child is gone on the others: what the follower needs is a snapshot.
    for (let i = 0; i < 40; i++) await cluster.put('k0', `${i}`);
    for (let i = 0; i < 40; i++) await cluster.put('k9', `${i}`);
    await cluster.clock.run(1_000);
    expect(race.peer(child.id)).toBeUndefined();
    expect(race.peer(race.parent)!.region.epoch.version).toBe(1);
    door.open();
    await race.until('both are whole', () => (race.peer(child.id)?.applied ?? 0) > 20);
    await race.expectLevel(child);
    expect(fromUtf8((await cluster.get('k9'))!)).toBe('39');
  });

  it('a follower that missed the split gets two snapshots, the smaller parent first', async () => {
    race = await SplitRace.start(5);
    const { cluster } = race;
    await cluster.addPeer(race.parent, F);
    cluster.net.cut(cluster.nodes[F]!.address);
    const child = await race.split();
    for (let i = 0; i < 40; i++) await cluster.put('k0', `${i}`);
    for (let i = 0; i < 40; i++) await cluster.put('k9', `${i}`);
    await cluster.clock.run(1_000);
    const door = race.doorOfSnapshots();
    cluster.net.heal(cluster.nodes[F]!.address);
    await race.until('the snapshot of the parent is on its way', () => door.waiting.length === 1);
    await cluster.clock.run(1_000);
    // It lies where the old parent still stands.
    expect(door.waiting).toHaveLength(1);
    expect(race.peer(child.id)).toBeUndefined();
    door.open();
    await race.until('both are whole', () => (race.peer(child.id)?.applied ?? 0) > 20);
    await race.expectLevel(child);
  });
});
