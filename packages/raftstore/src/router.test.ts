import { type Message, makeMessage } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import type { Envelope } from './envelope.js';
import { isPlausible } from './router.js';

function envelope(fields: Partial<Message>, change: Partial<Envelope> = {}): Envelope {
  return {
    regionId: 3,
    from: { id: 1, storeId: 1, learner: false },
    to: { id: 2, storeId: 2, learner: false },
    epoch: { confVer: 1, version: 1 },
    range: undefined,
    tombstone: false,
    message: makeMessage({ type: 'MsgHeartbeat', from: 1, to: 2, term: 6, ...fields }),
    ...change,
  };
}

describe('what another store may send', () => {
  it('is a message from one peer to another, as the envelope says', () => {
    expect(isPlausible(envelope({}))).toBe(true);
    expect(isPlausible(envelope({ from: 2 }))).toBe(false);
    expect(isPlausible(envelope({ to: 9 }))).toBe(false);
    const self = { id: 2, storeId: 2, learner: false };
    expect(isPlausible(envelope({ from: 2, to: 2 }, { from: self }))).toBe(false);
  });

  it('is none of the messages that stay inside a node', () => {
    for (const type of [
      'MsgHup',
      'MsgProp',
      'MsgStorageAppendResp',
      'MsgTransferLeader',
    ] as const) {
      expect(isPlausible(envelope({ type }))).toBe(false);
    }
  });

  it('is empty only when it says that the receiver is gone', () => {
    expect(isPlausible(envelope({}, { message: undefined }))).toBe(false);
    expect(isPlausible(envelope({}, { message: undefined, tombstone: true }))).toBe(true);
  });
});
