import {
  EMPTY_BYTES,
  err,
  KvError,
  limits,
  MemoryBudget,
  type NetStream,
  ok,
  type Result,
} from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import type { Region, RegionError } from '@tinykv/model';
import { applyStateKey, regionStateKey } from '@tinykv/model';
import { tinykvpeer } from '@tinykv/proto';
import type { Group } from '@tinykv/replica';
import { describe, expect, it } from 'vitest';
import type { Envelope } from './envelope.js';
import { encodeApplyState, encodeRegionState } from './local-state.js';
import { Peer, type PendingCommand } from './peer.js';
import { encodeHeader, encodePairs, partCrc } from './snapshot-format.js';
import { SnapshotReceiver } from './snapshot-receiver.js';
import { SnapshotSender } from './snapshot-sender.js';

const region: Region = {
  id: 3,
  range: { start: EMPTY_BYTES, end: EMPTY_BYTES },
  epoch: { confVer: 1, version: 1 },
  peers: [{ id: 4, storeId: 1, learner: false }],
};

const NAMED: Envelope = {
  regionId: 3,
  from: region.peers[0]!,
  to: region.peers[0]!,
  epoch: region.epoch,
  range: region.range,
  tombstone: false,
  message: undefined,
};
const HEADER = encodeHeader(NAMED);

/** A part of a snapshot as it travels. */
function frame(data: Uint8Array): Uint8Array {
  return tinykvpeer.SnapshotFrame.encode({ clusterId: 7, data, crc: partCrc(data) });
}

/** A stream that keeps what is sent and says it holds `buffered` bytes. */
class FakeStream implements NetStream {
  readonly sent: Uint8Array[] = [];
  isEnded = false;
  bufferedBytes = 0;

  send(message: Uint8Array): boolean {
    this.sent.push(message);
    return true;
  }
  end(): void {
    this.isEnded = true;
  }
  destroy(): void {
    this.isEnded = true;
  }
}

describe('commands in the log of a Region that are not applied', () => {
  it('are bounded: more are answered busy until some have been applied', () => {
    let index = 5;
    const node = { term: 6, lead: 4, propose: () => ok(++index) };
    const budget = new MemoryBudget(limits.storeMemoryBytesMax);
    const group = { isLeader: true, node, touch: () => undefined, budget } as unknown as Group;
    const peer = new Peer(region.peers[0]!, region, group, 0);
    const answers: Result<void, RegionError>[] = [];
    const command = (): PendingCommand => ({
      modifies: [],
      bytes: 0,
      term: 6,
      version: 1,
      waiter: {
        done: (result) => answers.push(result),
        unknown: (error: KvError) => answers.push(err({ type: 'other', message: error.message })),
      },
    });
    for (let i = 0; i < limits.regionInflightCommandsMax; i++) {
      peer.submit(command());
      if (i % 1000 === 999) peer.proposePending();
    }
    peer.proposePending();
    expect(answers).toEqual([]);
    peer.submit(command());
    expect(answers.map((a) => !a.ok && a.error.type)).toEqual(['server-is-busy']);
    for (let at = 6; at <= index; at++)
      for (const w of peer.takeWaiters({ index: at, term: 6 })) w.done(ok(undefined));
    expect(answers).toHaveLength(limits.regionInflightCommandsMax + 1);
    peer.submit(command());
    peer.proposePending();
    expect(answers).toHaveLength(limits.regionInflightCommandsMax + 1);
  });
});

describe('snapshots', () => {
  it('are taken from so many stores at once, the next is refused', () => {
    const receiver = new SnapshotReceiver(fakeEnv(), {
      clusterId: 7,
      refuse: () => undefined,
      received: async () => undefined,
    });
    const streams = Array.from(
      { length: limits.snapshotsReceivingMax + 1 },
      () => new FakeStream(),
    );
    for (const stream of streams) receiver.accept(stream);
    expect(receiver.receiving).toBe(limits.snapshotsReceivingMax);
    const refused = streams.at(-1)!;
    expect(refused.isEnded).toBe(true);
    expect(tinykvpeer.SnapshotAck.decode(refused.sent[0]!).ok).toBe(false);
    expect(streams[0]!.isEnded).toBe(false);
  });

  it('whose sender says nothing give their places back', async () => {
    const env = fakeEnv();
    const receiver = new SnapshotReceiver(env, {
      clusterId: 7,
      refuse: () => undefined,
      received: async () => undefined,
    });
    const idle = Array.from({ length: limits.snapshotsReceivingMax }, () => new FakeStream());
    const sessions = idle.map((stream) => receiver.accept(stream));
    sessions[0]!.onMessage(frame(HEADER));
    await env.clock.run(limits.snapshotHeaderMs);
    expect(receiver.receiving).toBe(1);
    expect(idle.map(({ isEnded }) => isEnded)).toEqual([false, true, true, true]);
    // One that has begun has longer between its parts.
    await env.clock.run(limits.snapshotIdleMs / 2);
    sessions[0]!.onMessage(frame(encodePairs([[EMPTY_BYTES, EMPTY_BYTES]])));
    await env.clock.run(limits.snapshotIdleMs - 1);
    expect(receiver.receiving).toBe(1);
    await env.clock.run(1);
    expect(receiver.receiving).toBe(0);
    const answers = idle[0]!.sent.map((ack) => tinykvpeer.SnapshotAck.decode(ack));
    expect(answers.map(({ ok: isOk }) => isOk)).toEqual([true, true, false]);
    expect(await env.fs.list('')).toEqual([]);
    expect(env.clock.pendingTimers).toBe(0);
  });

  it('whose sender does not wait for acknowledgements are refused', async () => {
    const env = fakeEnv();
    const receiver = new SnapshotReceiver(env, {
      clusterId: 7,
      refuse: () => undefined,
      received: async () => undefined,
    });
    const stream = new FakeStream();
    const session = receiver.accept(stream);
    session.onMessage(frame(HEADER));
    const pairs = frame(encodePairs([[EMPTY_BYTES, EMPTY_BYTES]]));
    for (let i = 1; i < limits.snapshotWindowParts; i++) session.onMessage(pairs);
    expect(stream.isEnded).toBe(false);
    session.onMessage(pairs);
    expect(stream.isEnded).toBe(true);
    await env.clock.settle();
    expect(receiver.receiving).toBe(0);
  });

  it('are made so many at once; the core asks again later', () => {
    const records = new Map([
      [
        regionStateKey(3).join(),
        encodeRegionState({
          state: 'normal',
          region,
          peerId: 4,
          appliedIndex: 5,
          appliedTerm: 5,
          snapshotFile: '',
        }),
      ],
      [applyStateKey(3).join(), encodeApplyState({ index: 9, term: 6 })],
    ]);
    let open = 0;
    const view = () => {
      open++;
      return {
        get: (key: Uint8Array) => records.get(key.join()),
        iterator: () => {
          throw new KvError('INTERNAL', 'not read here');
        },
        close: () => {
          open--;
        },
      };
    };
    const sender = new SnapshotSender(fakeEnv(), 'txn', 7, 1_000_000);
    const made = Array.from({ length: limits.snapshotsSendingMax + 1 }, () =>
      sender.make(view(), 3),
    );
    expect(made.filter((snapshot) => snapshot !== undefined)).toHaveLength(
      limits.snapshotsSendingMax,
    );
    expect(made.at(-1)).toBeUndefined();
    expect(open).toBe(limits.snapshotsSendingMax);
    sender.drop(made[0]!);
    expect(sender.make(view(), 3)?.metadata).toMatchObject({ index: 9, term: 6 });
    sender.close();
    expect(open).toBe(0);
  });
});
