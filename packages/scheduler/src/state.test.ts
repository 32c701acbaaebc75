import { CodecError, KvError } from '@tinykv/base';
import { badBytes, bitFlips, outcomeOf, runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Command, decodeCommand, encodeCommand } from './command.js';
import { SchedulerState } from './state.js';
import { decodeStateFile, encodeStateFile } from './state-file.js';

const u53 = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const u64 = fc.oneof(fc.bigInt({ min: 0n, max: 9n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
const storeState = fc.constantFrom('up' as const, 'offline' as const, 'tombstone' as const);
const store = fc.record({
  id: fc.integer({ min: 1, max: 4 }),
  address: fc.constantFrom('a:1', 'b:2', 'ü:3', ''),
  state: storeState,
});
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ type: fc.constant('name-cluster' as const), clusterId: u53 }),
  fc.record({
    type: fc.constant('bootstrap' as const),
    api: fc.constantFrom('txn' as const, 'raw' as const),
    maxPeerCount: fc.nat(9),
    store,
    atMs: u53,
  }),
  fc.record({ type: fc.constant('put-store' as const), store }),
  fc.record({
    type: fc.constant('put-store' as const),
    store: fc
      .tuple(store, u53, fc.integer({ min: 1, max: 9 }))
      .map(([meta, startToken, formerStartToken]) => ({ ...meta, startToken, formerStartToken })),
  }),
  fc.record({
    type: fc.constant('set-store-state' as const),
    storeId: fc.integer({ min: 1, max: 5 }),
    state: storeState,
  }),
  fc.record({ type: fc.constant('set-max-peer-count' as const), maxPeerCount: fc.nat(9) }),
  fc.record({ type: fc.constant('reserve-ids' as const), from: fc.nat(3), to: fc.nat(3) }),
  fc.record({ type: fc.constant('save-tso' as const), boundMs: u53 }),
  fc.record({
    type: fc.constant('raise-gc-safe-point' as const),
    safePoint: u64,
  }),
  fc.record({ type: fc.constant('raise-gc-resolved' as const), upTo: u64 }),
  fc.record({
    type: fc.constant('set-gc-service' as const),
    service: fc.record({
      id: fc.constantFrom('backup', 'ü', ''),
      safePoint: u64,
      expiresAtMs: u53,
    }),
  }),
  fc.record({ type: fc.constant('remove-gc-service' as const), id: fc.constantFrom('backup', '') }),
  fc.record({ type: fc.constant('expire-gc-services' as const), nowMs: u53 }),
  fc.record({
    type: fc.constant('note-silence' as const),
    storeId: fc.integer({ min: 1, max: 5 }),
    sinceMs: fc.oneof(fc.constant(0), u53),
  }),
  fc.record({
    type: fc.constant('set-gc' as const),
    settings: fc.record({ lifeMs: u53, intervalMs: u53 }),
  }),
);

describe('commands', () => {
  it('survive their encoding, timestamps beyond 2^63 included', () => {
    fc.assert(
      fc.property(command, (given) => {
        expect(decodeCommand(encodeCommand(given))).toEqual(given);
      }),
      runs(200),
    );
  });

  it('of bad bytes are refused, the same way on every member, or are commands', () => {
    fc.assert(
      fc.property(badBytes(command.map(encodeCommand)), (bad) => {
        const outcome = outcomeOf(() => decodeCommand(bad), CodecError);
        if (outcome.type === 'refused') return;
        expect(decodeCommand(encodeCommand(outcome.value))).toEqual(outcome.value);
        // No command can do harm: one state takes it like another.
        const [one, other] = [new SchedulerState(), new SchedulerState()];
        expect(one.apply(outcome.value)).toBe(other.apply(outcome.value));
        expect(one.encode()).toEqual(other.encode());
      }),
      runs(500),
    );
  });

  it('are refused when cut, longer than they should be, or of an unknown kind', () => {
    const bytes = encodeCommand({ type: 'reserve-ids', from: 1, to: 2 });
    expect(() => decodeCommand(bytes.slice(0, -1))).toThrow(CodecError);
    expect(() => decodeCommand(Uint8Array.of(...bytes, 0))).toThrow(CodecError);
    expect(() => decodeCommand(Uint8Array.of(99))).toThrow(CodecError);
  });
});

describe('SchedulerState', () => {
  it('is the same after a snapshot at any point, byte by byte', () => {
    fc.assert(
      fc.property(fc.array(command), fc.array(command), (before, after) => {
        const state = new SchedulerState();
        for (const each of before) state.apply(each);
        const restored = SchedulerState.decode(state.encode());
        for (const each of after) expect(restored.apply(each)).toBe(state.apply(each));
        expect(restored.encode()).toEqual(state.encode());
      }),
    );
  });

  it('never lets a bound, a safe point or a tombstone go back', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
        const state = new SchedulerState();
        for (const each of commands) {
          const { tsoBoundMs, clusterId } = state;
          const { safePoint, resolved } = state.gc;
          const dead = [...state.stores.values()].filter((s) => s.state === 'tombstone');
          state.apply(each);
          expect(state.tsoBoundMs).toBeGreaterThanOrEqual(tsoBoundMs);
          expect(state.gc.safePoint).toBeGreaterThanOrEqual(safePoint);
          expect(state.gc.resolved).toBeGreaterThanOrEqual(resolved);
          expect(state.gc.resolved).toBeLessThanOrEqual(state.gc.safePoint);
          for (const service of state.gc.services.values()) {
            expect(service.safePoint).toBeGreaterThanOrEqual(state.gc.safePoint);
          }
          if (clusterId !== 0) expect(state.clusterId).toBe(clusterId);
          for (const { id } of dead) expect(state.stores.get(id)?.state).toBe('tombstone');
        }
      }),
    );
  });

  const up = (id: number, address = `s${id}:1`) => ({ id, address, state: 'up' as const });
  const bootstrapped = (): SchedulerState => {
    const state = new SchedulerState();
    state.apply({ type: 'bootstrap', api: 'raw', maxPeerCount: 3, store: up(1), atMs: 5 });
    return state;
  };

  it('is bootstrapped once', () => {
    const state = bootstrapped();
    const second = {
      type: 'bootstrap',
      api: 'txn',
      maxPeerCount: 5,
      store: up(2),
      atMs: 6,
    } as const;
    expect(state.apply(second)).toBe('already-bootstrapped');
    expect(state.cluster).toEqual({ api: 'raw', maxPeerCount: 3, bootstrappedAtMs: 5 });
    expect([...state.stores.keys()]).toEqual([1]);
  });

  it('keeps the state of a store that puts itself again, and changes its address alone', () => {
    const state = bootstrapped();
    state.apply({ type: 'set-store-state', storeId: 1, state: 'offline' });
    expect(state.apply({ type: 'put-store', store: up(1, 'new:1') })).toBe('done');
    expect(state.stores.get(1)).toEqual({ id: 1, address: 'new:1', state: 'offline' });
  });

  it('gives an address to one living store only', () => {
    const state = bootstrapped();
    expect(state.apply({ type: 'put-store', store: up(2, 's1:1') })).toBe('address-in-use');
    state.apply({ type: 'set-store-state', storeId: 1, state: 'offline' });
    state.apply({ type: 'set-store-state', storeId: 1, state: 'tombstone' });
    expect(state.apply({ type: 'put-store', store: up(2, 's1:1') })).toBe('done');
    expect(state.apply({ type: 'put-store', store: up(1) })).toBe('store-tombstone');
  });

  it('takes no older start of a store, and keeps the start when who puts does not say it', () => {
    const state = bootstrapped();
    const start = (startToken: number, formerStartToken: number, address = 's1:1') =>
      state.apply({
        type: 'put-store',
        store: { ...up(1, address), startToken, formerStartToken },
      });
    expect([start(5, 0), start(5, 0), start(4, 3)]).toEqual(['done', 'done', 'store-fenced']);
    // Of a copy of the folder that was made before the start of 5.
    expect(start(6, 4)).toBe('store-fenced');
    expect(start(6, 5, 'new:1')).toBe('done');
    expect(state.apply({ type: 'put-store', store: up(1, 'plain:1') })).toBe('done');
    expect(state.stores.get(1)).toMatchObject({ address: 'plain:1', startToken: 6 });
    expect(SchedulerState.decode(state.encode()).stores).toEqual(state.stores);
  });

  it('does not bury a store that came back while its funeral was on the way', () => {
    const state = bootstrapped();
    const set = (to: 'up' | 'offline' | 'tombstone') =>
      state.apply({ type: 'set-store-state', storeId: 1, state: to });
    expect([set('offline'), set('up'), set('tombstone')]).toEqual([
      'done',
      'done',
      'store-not-offline',
    ]);
    expect(state.stores.get(1)?.state).toBe('up');
  });

  it('buries only a store that is offline', () => {
    const state = bootstrapped();
    const bury = { type: 'set-store-state', storeId: 1, state: 'tombstone' } as const;
    expect(state.apply(bury)).toBe('store-not-offline');
    expect(state.apply({ ...bury, storeId: 9 })).toBe('store-not-found');
    state.apply({ ...bury, state: 'offline' });
    expect([state.apply(bury), state.apply(bury)]).toEqual(['done', 'done']);
    expect(state.apply({ ...bury, state: 'up' })).toBe('store-tombstone');
  });

  it('gives a window of ids to one of two that saw the same bound', () => {
    const state = new SchedulerState();
    expect(state.apply({ type: 'reserve-ids', from: 0, to: 1000 })).toBe('done');
    expect(state.apply({ type: 'reserve-ids', from: 0, to: 1000 })).toBe('bound-moved');
    expect(state.idBound).toBe(1000);
  });
});

describe('the state file', () => {
  it('of a version that kept no more of the collection than its safe point is read', () => {
    const made = new SchedulerState();
    made.apply({ type: 'raise-gc-safe-point', safePoint: 7n });
    // Resolved, settings and services of a state that has none of them.
    const old = made.encode().slice(0, -13);
    expect(SchedulerState.decode(old).encode()).toEqual(made.encode());
  });

  const state = fc.array(command, { maxLength: 8 }).map((commands) => {
    const made = new SchedulerState();
    for (const each of commands) made.apply(each);
    return made;
  });

  it('comes back as it was, and is refused with any one bit flipped', () => {
    fc.assert(
      fc.property(state, u53, u53, (made, index, term) => {
        const file = encodeStateFile(index, term, made);
        const found = decodeStateFile(file);
        expect([found.index, found.term]).toEqual([index, term]);
        expect(found.state.encode()).toEqual(made.encode());
        for (const bad of bitFlips(file)) {
          expect(outcomeOf(() => decodeStateFile(bad), KvError).type).toBe('refused');
        }
      }),
      runs(3),
    );
  });

  it('of bad bytes is refused, and so is the state in it', () => {
    const good = state.map((made) => encodeStateFile(1, 2, made));
    fc.assert(
      fc.property(badBytes(good), badBytes(state.map((made) => made.encode())), (file, bytes) => {
        outcomeOf(() => decodeStateFile(file), KvError);
        const outcome = outcomeOf(() => SchedulerState.decode(bytes), CodecError);
        if (outcome.type === 'refused') return;
        const again = outcome.value.encode();
        expect(SchedulerState.decode(again).encode()).toEqual(again);
      }),
      runs(300),
    );
  });
});
