import { EMPTY_BYTES, type KvEntry, type NetStream, utf8 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { applyStateKey, type Region, rawKey, regionStateKey, sealValue } from '@tinykv/model';
import { makeMessage } from '@tinykv/raft';
import { expect, it } from 'vitest';
import { encodeApplyState, encodeRegionState } from './local-state.js';
import { SnapshotSender } from './snapshot-sender.js';

const REGION: Region = {
  id: 3,
  range: { start: EMPTY_BYTES, end: EMPTY_BYTES },
  epoch: { confVer: 1, version: 1 },
  peers: [{ id: 4, storeId: 1, learner: false }],
};

const pair = (name: string): KvEntry => {
  const key = rawKey('txn', 'default', utf8(name));
  return [key, sealValue(key, utf8(`value of ${name}`))];
};

/** Streams a snapshot that holds these pairs; returns how it ended and how many frames left. */
async function send(
  pairs: readonly KvEntry[],
  waitMs = 0,
): Promise<{ error: string | undefined; frames: number; destroyed: boolean }> {
  let frames = 0;
  let destroyed = false;
  const env = fakeEnv();
  const stream: NetStream = {
    bufferedBytes: 0,
    send: () => {
      frames++;
      return true;
    },
    end: () => undefined,
    destroy: () => {
      destroyed = true;
    },
  };
  env.net.open = () => stream;
  const sender = new SnapshotSender(env, 'txn', 7, 1_000_000);
  const state = { state: 'normal', region: REGION, peerId: 4, snapshotFile: '' } as const;
  const records = new Map([
    [regionStateKey(3).join(), encodeRegionState({ ...state, appliedIndex: 5, appliedTerm: 5 })],
    [applyStateKey(3).join(), encodeApplyState({ index: 9, term: 6 })],
  ]);
  // The first of the Region's ranges that is read has them all.
  let left = pairs;
  const snapshot = sender.make(
    {
      get: (key) => records.get(key.join()),
      iterator: () => ({
        next: () => {
          const page = left;
          left = [];
          return Promise.resolve(page);
        },
        close: () => Promise.resolve(),
      }),
      close: () => undefined,
    },
    3,
  );
  const [peer] = REGION.peers;
  const envelope = {
    regionId: 3,
    from: peer!,
    to: { id: 5, storeId: 2, learner: true },
    epoch: REGION.epoch,
    range: REGION.range,
    tombstone: false,
    message: makeMessage({ type: 'MsgSnap', from: 4, to: 5, term: 6, snapshot }),
  };
  const error = await new Promise<string | undefined>((resolve) => {
    sender.send('s2:1', envelope, resolve);
    // Nobody acknowledges anything: a sound snapshot waits for that.
    setImmediate(() => {
      env.clock.advance(waitMs);
      setImmediate(() => resolve('waits'));
    });
  });
  return { error, frames, destroyed };
}

it('a damaged record does not travel in a snapshot, where it would pass for a whole one', async () => {
  const [key, value] = pair('b');
  const rotten = Uint8Array.from(value);
  rotten[3]! ^= 4;
  const { error, frames, destroyed } = await send([pair('a'), [key, rotten], pair('c')]);
  expect(error).toContain('checksum');
  // The header alone.
  expect(frames).toBe(1);
  expect(destroyed).toBe(true);
});

it('whole ones do: header, pairs, end', async () => {
  expect(await send([pair('a'), pair('b')])).toEqual({
    error: 'waits',
    frames: 3,
    destroyed: false,
  });
});

it('a receiver that acknowledges nothing is given up in time', async () => {
  expect((await send([pair('a')], 119_000)).error).toBe('waits');
  expect(await send([pair('a')], 120_000)).toEqual({
    error: 'no acknowledgement',
    frames: 3,
    destroyed: true,
  });
});
