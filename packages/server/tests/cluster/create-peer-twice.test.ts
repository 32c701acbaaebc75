import { findPeerOnStore } from '@tinykv/model';
import type { GroupUpdate } from '@tinykv/raft';
import { afterEach, describe, expect, it } from 'vitest';
import { Door, F, SplitRace } from './split-race.js';

let race: SplitRace;

afterEach(() => race.stop());

describe('create_peer_twice_split_vs_message', () => {
  it('the split comes first: messages wait while the first log is being written', async () => {
    race = await SplitRace.start();
    const { cluster } = race;
    await cluster.addPeer(race.parent, F);
    const door = new Door();
    const resets: GroupUpdate[] = [];
    race.onAppend((update) => {
      if (update.reset === undefined) return undefined;
      resets.push(update);
      return door.pass();
    });
    const child = await race.split();
    await race.until('the first log is being written', () => door.waiting.length === 1);
    // The others elect a leader, which speaks to the peer that is not there yet.
    await cluster.clock.run(1_000);
    expect(race.peer(child.id)).toBeUndefined();
    door.open();
    await race.until('the child is here', () => race.peer(child.id) !== undefined);
    expect(resets).toHaveLength(1);
    expect(race.peer(child.id)!.peerId).toBe(
      findPeerOnStore(child, cluster.nodes[F]!.store!.storeId)!.id,
    );
    await race.expectLevel(child);
  });

  it('the message comes first: the peer that it made gives way, its vote stays', async () => {
    race = await SplitRace.start();
    const { cluster } = race;
    const door = race.doorOfSnapshots();
    await race.addParentBehind(door);
    let voted: GroupUpdate['hardState'];
    const resets: GroupUpdate[] = [];
    race.onAppend((update) => {
      if (update.group === race.parent) return undefined;
      if (update.reset === undefined) voted = update.hardState ?? voted;
      else resets.push(update);
      return undefined;
    });
    const child = await race.splitWithMessage();
    await cluster.clock.run(300);
    expect(race.peer(child.id)).toMatchObject({ applied: 0, region: { peers: [] } });
    expect(voted?.vote).toBeGreaterThan(0);
    door.next();
    await race.until('the split is applied', () => (race.peer(child.id)?.firstIndex ?? 0) > 1);
    expect(resets[0]).toMatchObject({
      group: child.id,
      reset: { index: 5 },
      hardState: { ...voted, commit: 5 },
    });
    door.open();
    await race.expectLevel(child);
  });

  it('the child is removed before the split is applied: what the split makes does not stay', async () => {
    race = await SplitRace.start();
    const { cluster } = race;
    await cluster.addPeer(race.parent, F);
    cluster.net.cut(cluster.nodes[F]!.address);
    const child = await race.split();
    await cluster.removePeer(child.id, F);
    cluster.net.heal(cluster.nodes[F]!.address);
    await race.until('the split is applied', () => race.isSplitApplied);
    await race.until('the child is gone', () => race.peer(child.id) === undefined);
    await race.expectGoneForGood(child, 1_000);
  });

  it('the peer that a message made is removed at once: the split does not bring it back', async () => {
    race = await SplitRace.start();
    const { cluster } = race;
    const door = race.doorOfSnapshots();
    await race.addParentBehind(door);
    const child = await race.splitWithMessage();
    await cluster.removePeer(child.id, F);
    await race.until('it is removed', () => race.peer(child.id) === undefined);
    door.open();
    await race.untilSplitWithout(child);
    await race.expectGoneForGood(child, 3_000);
  });

  it('the peer that a message made is just being removed: the split does not bring it back', async () => {
    race = await SplitRace.start();
    const { cluster } = race;
    const door = race.doorOfSnapshots();
    await race.addParentBehind(door);
    const child = await race.splitWithMessage();
    await cluster.removePeer(child.id, F);
    let isFirst = true;
    const grave = race.doorOfWrites((isSynced) => {
      const isTombstone = isFirst && isSynced && race.peer(child.id) === undefined;
      if (isTombstone) isFirst = false;
      return isTombstone;
    });
    await race.until('its tombstone is being written', () => grave.waiting.length > 0);
    door.open();
    await race.untilSplitWithout(child);
    grave.open();
    await race.expectGoneForGood(child, 3_000);
  });

  it('the peer that a message made is removed while the split is written: one comes after the other', async () => {
    race = await SplitRace.start();
    const { cluster } = race;
    const door = race.doorOfSnapshots();
    await race.addParentBehind(door);
    const child = await race.splitWithMessage();
    let held = 0;
    const record = race.doorOfWrites((isSynced) => {
      const isRecord = isSynced && race.peer(race.parent)!.applied > 5 && held < 2;
      if (isRecord) held++;
      return isRecord;
    });
    door.open();
    await race.until('the split is being written', () => held === 1);
    await cluster.removePeer(child.id, F);
    // Long enough for it to ask whether it still exists. A tombstone would come behind the split.
    await cluster.clock.run(5_000);
    expect(held).toBe(1);
    record.next();
    await race.until('the split is applied', () => race.isSplitApplied);
    await cluster.clock.run(50);
    record.open();
    await race.until('the child is gone', () => race.peer(child.id) === undefined);
    await race.expectGoneForGood(child, 1_000);
  });

  it('the peer that a message made is another than that of the split: the newer id stays', async () => {
    race = await SplitRace.start();
    const { cluster } = race;
    const door = race.doorOfSnapshots();
    await race.addParentBehind(door);
    race.isDeaf = true;
    const child = await race.split();
    await cluster.removePeer(child.id, F);
    const newer = await race.addPeer(child.id);
    race.isDeaf = false;
    await race.until('a message has made the newer', () => race.peer(child.id)?.peerId === newer);
    door.next();
    await race.until('the split is applied', () => {
      expect(race.peer(child.id)?.peerId).toBe(newer);
      return race.isSplitApplied;
    });
    expect(race.peer(child.id)).toMatchObject({ peerId: newer, applied: 0 });
    door.open();
    await race.expectLevel(child);
    expect(race.peer(child.id)!.peerId).toBe(newer);
  });
});
