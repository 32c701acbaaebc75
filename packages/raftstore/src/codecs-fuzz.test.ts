import { ByteWriter, CodecError, crc32, type KvEntry } from '@tinykv/base';
import { badBytes, bitFlips, damaged, outcomeOf, runs } from '@tinykv/base/testing/fuzz';
import type { Modify, Peer, Region } from '@tinykv/model';
import { makeMessage } from '@tinykv/raft';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addCommand,
  beginData,
  decodePayload,
  decodePeerChange,
  encodePeerChange,
  encodeSplit,
  nextCommand,
  type PeerChange,
} from './command.js';
import { type Envelope, readEnvelopes, writeEnvelope } from './envelope.js';
import {
  decodeApplyState,
  decodeIdent,
  decodeRegionState,
  encodeApplyState,
  encodeIdent,
  encodeRegionState,
  type RegionLocalState,
  type StoreIdent,
} from './local-state.js';
import {
  decodePart,
  encodeEnd,
  encodeHeader,
  encodePairs,
  PART_PREFIX_BYTES,
  SnapshotChecker,
} from './snapshot-format.js';

const id = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER));
const bytes = fc.uint8Array({ maxLength: 12 });
const ts = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const is = <T extends string>(type: T): fc.Arbitrary<T> => fc.constant(type);
const peer: fc.Arbitrary<Peer> = fc.record({ id, storeId: id, learner: fc.boolean() });
const epoch = fc.record({ confVer: id, version: id });
const range = fc.record({ start: bytes, end: bytes });
const region: fc.Arbitrary<Region> = fc.record({
  id,
  range,
  epoch,
  peers: fc.array(peer, { maxLength: 3 }),
});

const modify: fc.Arbitrary<Modify> = fc.oneof(
  fc.record({
    type: is('raw-put'),
    cf: fc.constantFrom('default', 'write'),
    key: bytes,
    value: bytes,
  }),
  fc.record({ type: is('unlock'), key: bytes, startTs: ts, dropValue: fc.boolean() }),
  fc.record({
    type: is('commit'),
    key: bytes,
    startTs: ts,
    unlock: fc.boolean(),
    newest: fc.option(bytes, { nil: undefined }),
    history: fc.option(fc.record({ ts, record: bytes }), { nil: undefined }),
    longValue: fc.option(bytes, { nil: undefined }),
  }),
);
const commands = fc.array(fc.array(modify, { maxLength: 3 }), { maxLength: 4 });
const splits = fc.array(
  fc.record({ key: bytes, regionId: id, peerIds: fc.array(id, { maxLength: 3 }) }),
  { maxLength: 3 },
);

const entry = fc.record({ term: id, index: id, type: is('EntryNormal'), data: bytes });
const message = fc
  .record({
    type: fc.constantFrom('MsgApp', 'MsgHeartbeat', 'MsgVote', 'MsgAppResp'),
    from: id,
    to: id,
    term: id,
    index: id,
    commit: id,
    entries: fc.array(entry, { maxLength: 2 }),
    context: bytes,
    reject: fc.boolean(),
  })
  .map(makeMessage);
const envelope: fc.Arbitrary<Envelope> = fc.record({
  regionId: id,
  from: peer,
  to: peer,
  epoch,
  range: fc.option(range, { nil: undefined }),
  tombstone: fc.boolean(),
  message: fc.option(message, { nil: undefined }),
});

function dataEntry(
  term: number,
  version: number,
  list: readonly (readonly Modify[])[],
): Uint8Array {
  const w = new ByteWriter();
  beginData(w, term, version);
  for (const command of list) addCommand(w, command);
  return w.finish();
}

/** All that an entry says, its commands read to the end. */
function readPayload(data: Uint8Array): unknown {
  const payload = decodePayload(data);
  if (payload.type !== 'data') return payload;
  const list: (readonly Modify[])[] = [];
  for (;;) {
    const command = nextCommand(payload.body);
    if (command === undefined) break;
    list.push(command);
  }
  return { type: 'data', term: payload.term, version: payload.version, commands: list };
}

function frameOf(envelopes: readonly Envelope[]): Uint8Array {
  const w = new ByteWriter();
  for (const each of envelopes) writeEnvelope(w, each);
  return w.finish();
}

describe('log entries of any content', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(id, id, commands, splits, (term, version, list, cuts) => {
        expect(readPayload(dataEntry(term, version, list))).toEqual({
          type: 'data',
          term,
          version,
          commands: list,
        });
        const split = { type: 'split', version, splits: cuts };
        expect(readPayload(encodeSplit(version, cuts))).toEqual(split);
      }),
      runs(200),
    );
  });

  it('when damaged are read or refused, the same on every replica', () => {
    const good = fc.oneof(
      fc.tuple(id, id, commands).map((args) => dataEntry(...args)),
      fc.tuple(id, splits).map((args) => encodeSplit(...args)),
    );
    fc.assert(
      fc.property(badBytes(good), (bad) => {
        const here = outcomeOf(() => readPayload(bad), CodecError);
        // Another replica has the entry in another place of its memory.
        const elsewhere = Uint8Array.from([...bad, 1, 2, 3]).subarray(0, bad.length);
        expect(outcomeOf(() => readPayload(elsewhere), CodecError)).toEqual(here);
      }),
      runs(500),
    );
  });

  it('that change peers come back as they were, and are refused when damaged', () => {
    const change: fc.Arbitrary<PeerChange> = fc.record({
      type: fc.constantFrom('add', 'remove'),
      peer,
      confVer: id,
    });
    fc.assert(
      fc.property(change, (one) => {
        expect(decodePeerChange(encodePeerChange(one))).toEqual(one);
      }),
      runs(100),
    );
    const contexts = change.map((one) => encodePeerChange(one).context);
    fc.assert(
      fc.property(badBytes(contexts), (context) => {
        const transition = 'ConfChangeTransitionAuto' as const;
        outcomeOf(() => decodePeerChange({ transition, changes: [], context }), CodecError);
      }),
      runs(200),
    );
  });
});

describe('frames between stores of any content', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.array(envelope, { maxLength: 4 }), (list) => {
        expect(readEnvelopes(frameOf(list))).toEqual(list);
      }),
      runs(200),
    );
  });

  it('when damaged are read or refused, and what was read can be sent on', () => {
    const good = fc.array(envelope, { minLength: 1, maxLength: 3 }).map(frameOf);
    fc.assert(
      fc.property(badBytes(good), (bad) => {
        const outcome = outcomeOf(() => readEnvelopes(bad), CodecError);
        if (outcome.type === 'refused') return;
        const again = frameOf(outcome.value);
        expect(frameOf(readEnvelopes(again))).toEqual(again);
      }),
      runs(500),
    );
  });
});

describe('records of a store', () => {
  const state: fc.Arbitrary<RegionLocalState> = fc.record({
    state: fc.constantFrom('normal', 'applying', 'tombstone'),
    region,
    peerId: id,
    appliedIndex: id,
    appliedTerm: id,
    snapshotFile: fc.constantFrom('', 'recv-12.snap'),
  });
  const ident: fc.Arbitrary<StoreIdent> = fc.record({
    clusterId: id,
    storeId: id,
    api: fc.constantFrom('txn', 'raw'),
    startToken: id,
    formerStartToken: id,
    address: fc.constantFrom('', 'host:1'),
    fenced: fc.constantFrom('', 'store 3 was started again'),
  });
  const applied = fc.record({ index: id, term: id });

  const records: readonly (readonly [
    string,
    fc.Arbitrary<Uint8Array>,
    (b: Uint8Array) => unknown,
  ])[] = [
    ['Region states', state.map(encodeRegionState), decodeRegionState],
    ['idents', ident.map(encodeIdent), decodeIdent],
    ['applied indexes', applied.map(encodeApplyState), decodeApplyState],
  ];

  it('come back as they were', () => {
    fc.assert(
      fc.property(state, ident, applied, (s, i, a) => {
        expect(decodeRegionState(encodeRegionState(s))).toEqual(s);
        expect(decodeIdent(encodeIdent(i))).toEqual(i);
        expect(decodeApplyState(encodeApplyState(a))).toEqual(a);
      }),
    );
  });

  it.each(records)('%s are refused with any one bit flipped', (_, source, decode) => {
    fc.assert(
      fc.property(source, (record) => {
        for (const bad of bitFlips(record)) {
          expect(outcomeOf(() => decode(bad), CodecError).type).toBe('refused');
        }
      }),
      runs(10),
    );
  });

  it.each(records)(
    '%s of bad bytes under a good checksum throw a CodecError',
    (_, source, decode) => {
      let refused = 0;
      fc.assert(
        fc.property(badBytes(source.map((record) => record.slice(0, -4))), (body) => {
          const sealed = new ByteWriter().raw(body).u32(crc32(body)).finish();
          if (outcomeOf(() => decode(sealed), CodecError).type === 'refused') refused++;
        }),
        runs(200),
      );
      expect(refused).toBeGreaterThan(0);
    },
  );
});

describe('snapshots', () => {
  const pairs = fc.array(fc.tuple(bytes, bytes), { maxLength: 4 });
  const snapshot = fc
    .record({ envelope, blocks: fc.array(pairs, { maxLength: 3 }) })
    .map(({ envelope: header, blocks }) => partsOf(header, blocks));

  function partsOf(header: Envelope, blocks: readonly (readonly KvEntry[])[]): Uint8Array[] {
    const parts = [encodeHeader(header).slice(), ...blocks.map((b) => encodePairs(b).slice())];
    const crc = parts.reduce((sum, part) => crc32(part.subarray(4, PART_PREFIX_BYTES), sum), 0);
    const count = blocks.reduce((sum, block) => sum + block.length, 0);
    return [...parts, encodeEnd(count, crc).slice()];
  }

  function follow(parts: readonly Uint8Array[]): boolean {
    const checker = new SnapshotChecker();
    for (const part of parts) checker.add(part);
    return checker.ended;
  }

  it('bring the pairs that went in', () => {
    fc.assert(
      fc.property(envelope, fc.array(pairs, { maxLength: 3 }), (header, blocks) => {
        const checker = new SnapshotChecker();
        const read = partsOf(header, blocks).map((part) => checker.add(part));
        expect(checker.ended).toBe(true);
        const found = read.flatMap((part) => (part.kind === 'pairs' ? part.pairs : []));
        expect(found).toEqual(blocks.flat());
      }),
      runs(100),
    );
  });

  it('with a part that is damaged, missing, doubled or moved are not complete', () => {
    const change = fc.constantFrom('flip', 'drop', 'double', 'swap');
    fc.assert(
      fc.property(snapshot, change, fc.nat(), fc.nat(), (parts, kind, n, bit) => {
        const at = n % parts.length;
        const bad = [...parts];
        if (kind === 'flip') {
          const flipped = parts[at]!.slice();
          flipped[(bit >> 3) % flipped.length]! ^= 1 << (bit & 7);
          bad[at] = flipped;
        } else if (kind === 'drop') bad.splice(at, 1);
        else if (kind === 'double') bad.splice(at, 0, parts[at]!);
        else bad.reverse();
        const sameBytes = frameEquals(bad, parts);
        const outcome = outcomeOf(() => follow(bad), CodecError);
        expect(outcome.type === 'value' && outcome.value).toBe(sameBytes);
      }),
      runs(300),
    );
  });

  it('of bad bytes under a good checksum throw a CodecError', () => {
    const part = snapshot.chain((parts) => fc.constantFrom(...parts));
    const bodies = part.map((whole) => whole.subarray(PART_PREFIX_BYTES));
    let refused = 0;
    fc.assert(
      fc.property(badBytes(bodies), damaged(part), (body, whole) => {
        const sealed = new ByteWriter().u32(body.length).u32(crc32(body)).raw(body).finish();
        if (outcomeOf(() => decodePart(sealed), CodecError).type === 'refused') refused++;
        outcomeOf(() => decodePart(whole), CodecError);
      }),
      runs(300),
    );
    expect(refused).toBeGreaterThan(0);
  });
});

function frameEquals(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((part, i) => Buffer.compare(part, b[i]!) === 0);
}
