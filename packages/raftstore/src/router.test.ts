import { EMPTY_BYTES, type KvEngine, limits } from '@tinykv/base';
import type { Region } from '@tinykv/model';
import { type Entry, type Message, makeMessage } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import type { Envelope } from './envelope.js';
import type { PeerLifecycle } from './lifecycle.js';
import { encodeRegionState } from './local-state.js';
import type { Peer } from './peer.js';
import { PeerRegistry } from './registry.js';
import { isPlausible, Router } from './router.js';

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

  it('has numbers that leave room for what is counted up from them', () => {
    const most = limits.raftNumberMax;
    for (const name of ['term', 'logTerm', 'index', 'commit', 'rejectHint'] as const) {
      expect(isPlausible(envelope({ [name]: most })), name).toBe(true);
      expect(isPlausible(envelope({ [name]: most + 1 })), name).toBe(false);
    }
    const last = (index: number, term: number) => ({ type: 'EntryNormal', index, term }) as Entry;
    expect(isPlausible(envelope({ entries: [last(7, most + 1)] }))).toBe(false);
    expect(isPlausible(envelope({ entries: [last(most + 1, 6)] }))).toBe(false);
    expect(isPlausible(envelope({ entries: [last(7, 6)] }))).toBe(true);
    const committed = { index: most + 1, term: 6 };
    expect(isPlausible(envelope({}, { committed }))).toBe(false);
    expect(isPlausible(envelope({}, { replicated: most + 1 }))).toBe(false);
  });

  it('makes a peer of no empty range', () => {
    const at = (start: number, end: number) => ({
      start: Uint8Array.of(start),
      end: Uint8Array.of(end),
    });
    expect(isPlausible(envelope({}, { range: at(1, 2) }))).toBe(true);
    expect(isPlausible(envelope({}, { range: at(2, 2) }))).toBe(false);
    expect(isPlausible(envelope({}, { range: at(2, 1) }))).toBe(false);
    expect(isPlausible(envelope({}, { range: { ...at(2, 1), end: EMPTY_BYTES } }))).toBe(true);
  });

  it('is empty only when it says that the receiver is gone', () => {
    expect(isPlausible(envelope({}, { message: undefined }))).toBe(false);
    expect(isPlausible(envelope({}, { message: undefined, tombstone: true }))).toBe(true);
  });
});

describe('a peer that was removed', () => {
  const range = { start: EMPTY_BYTES, end: EMPTY_BYTES };
  /** Where a store that once had peer 6, and was told so by epoch 7, takes a heartbeat to `id`. */
  function created(id: number, confVer: number, waiting = 0): readonly number[] {
    const registry = new PeerRegistry(2, 'txn');
    for (let one = 0; one < waiting; one++) registry.uninitialized.add(1_000 + one);
    const region: Region = { id: 3, range, epoch: { confVer: 7, version: 1 }, peers: [] };
    const tombstone = encodeRegionState({
      state: 'tombstone',
      region,
      peerId: 6,
      snapshotFile: '',
      appliedIndex: 0,
      appliedTerm: 0,
    });
    const engine = { get: () => tombstone } as unknown as KvEngine;
    const made: number[] = [];
    const lifecycle = {
      addUninitialized: (_: number, meta: { readonly id: number }) => {
        made.push(meta.id);
        return { known: new Map(), group: { receive: () => undefined } } as unknown as Peer;
      },
    } as unknown as PeerLifecycle;
    const router = new Router({
      now: () => 1_000,
      registry,
      lifecycle,
      engine,
      reply: () => undefined,
      heardLeader: () => undefined,
      removed: () => undefined,
    });
    const to = { id, storeId: 2, learner: true };
    const epoch = { confVer, version: 1 };
    router.receive(envelope({ to: id, commit: 0 }, { to, epoch, range }));
    return made;
  }

  it('makes room for its successor under the very epoch that told it so', () => {
    expect(created(14, 7)).toEqual([14]);
  });

  it('is not made again by a late message, nor is an older successor', () => {
    expect(created(6, 7)).toEqual([]);
    expect(created(6, 8)).toEqual([]);
    expect(created(14, 6)).toEqual([]);
  });

  it('is not made while as many wait as a store has room for: strangers can ask for any', () => {
    expect(created(14, 7, limits.uninitializedPeersMax - 1)).toEqual([14]);
    expect(created(14, 7, limits.uninitializedPeersMax)).toEqual([]);
  });
});

describe('a replica that a stranger speaks to', () => {
  const range = { start: EMPTY_BYTES, end: EMPTY_BYTES };
  const member = (id: number, storeId: number) => ({ id, storeId, learner: false });
  const region: Region = {
    id: 3,
    range,
    epoch: { confVer: 5, version: 1 },
    peers: [member(1, 1), member(2, 2)],
  };

  /** The messages that peer 2 is given, and how often its removal is looked into. */
  function hears(...envelopes: readonly Envelope[]) {
    return hearsAs({}, ...envelopes);
  }

  /** The same for one that leads, or that has heard its leader lately. */
  function hearsAs(
    { isLeader = false, promisedUntil = 1_000, lead = 0 },
    ...envelopes: readonly Envelope[]
  ) {
    const heard = { messages: 0, committed: 0, replicated: 0, leaders: 0, removals: 0 };
    const group = {
      node: { lastIndex: 10, term: 6, lead },
      promisedUntil,
      receive: () => heard.messages++,
      learnCommitted: () => heard.committed++,
      learnReplicated: () => heard.replicated++,
    };
    const meta = member(2, 2);
    const peer = {
      meta,
      region,
      group,
      isLeader,
      initialized: true,
      known: new Map(),
    } as unknown as Peer;
    const registry = new PeerRegistry(2, 'txn');
    registry.peers.set(3, peer);
    const router = new Router({
      now: () => 1_000,
      registry,
      lifecycle: {} as PeerLifecycle,
      engine: {} as KvEngine,
      reply: () => undefined,
      heardLeader: () => heard.leaders++,
      removed: () => heard.removals++,
    });
    for (const each of envelopes) router.receive(each);
    return heard;
  }
  const NOTHING = { messages: 0, committed: 0, replicated: 0, leaders: 0, removals: 0 };
  const from = (id: number, confVer: number, fields: Partial<Message> = {}): Envelope =>
    envelope(
      { from: id, ...fields },
      {
        from: member(id, id),
        epoch: { confVer, version: 1 },
        committed: { index: 9, term: 6 },
        replicated: 9,
      },
    );

  it('takes nothing from a peer that is no member under its own epoch', () => {
    expect(hears(from(9, 5), from(9, 5, { commit: 2 ** 50 }))).toEqual(NOTHING);
  });

  it('takes nothing from a newer epoch that it cannot check but a message that its log bears out', () => {
    expect(hears(from(9, 2 ** 50, { commit: 11 }))).toEqual(NOTHING);
    expect(hears(from(9, 6, { commit: 10 }))).toMatchObject({
      messages: 1,
      leaders: 1,
      committed: 0,
      replicated: 0,
    });
  });

  it('keeps its leader, whatever term and membership a stranger names', () => {
    const claims = [from(9, 6, { term: 7 }), from(9, 6, { type: 'MsgApp' }), from(9, 6)];
    expect(hearsAs({ isLeader: true }, ...claims)).toEqual(NOTHING);
    expect(hearsAs({ promisedUntil: 1_001 }, ...claims)).toEqual(NOTHING);
    // A leader that is gone is not waited for longer than an election takes.
    expect(hearsAs({ promisedUntil: 1_000 }, ...claims)).toMatchObject({ messages: 3 });
    expect(hearsAs({ isLeader: true }, from(1, 5, { term: 7 }))).toMatchObject({ messages: 1 });
    // It may have to apply many entries of that leader before it knows it.
    const led = { promisedUntil: 1_001, lead: 9 };
    expect(hearsAs(led, ...claims)).toMatchObject({ messages: 3 });
    expect(hearsAs(led, from(8, 6, { term: 7 }))).toEqual(NOTHING);
  });

  it('takes no term and no membership that the members could never reach', () => {
    const { raftTermStepMax: terms, epochStepMax: changes } = limits;
    expect(hears(from(9, 6, { term: 6 + terms + 1 }))).toEqual(NOTHING);
    expect(hears(from(9, 5 + changes + 1))).toEqual(NOTHING);
    expect(hears(from(9, 5 + changes, { term: 6 + terms }))).toMatchObject({ messages: 1 });
    expect(hears(from(1, 5, { term: 6 + terms + 1 }))).toMatchObject({ messages: 1 });
  });

  it('believes a member, also one that says that entries are lost here', () => {
    const all = { messages: 1, committed: 1, replicated: 1, leaders: 1, removals: 0 };
    expect(hears(from(1, 5, { commit: 11 }))).toEqual(all);
  });

  it('is not destroyed because it is told that it is gone: the scheduler is asked', () => {
    const epoch = { confVer: 2 ** 50, version: 1 };
    const tombstone = envelope({}, { message: undefined, tombstone: true, epoch });
    const successor = envelope({ to: 77 }, { to: member(77, 2) });
    expect(hears(tombstone)).toEqual({ ...NOTHING, removals: 1 });
    expect(hears(successor)).toEqual({ ...NOTHING, removals: 1 });
  });
});
