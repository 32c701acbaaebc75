import { outcomeOf, runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  contextFromWire,
  contextToWire,
  errorpb,
  keyErrorFromWire,
  keyErrorToWire,
  kvrpcpb,
  type MessageCodec,
  metapb,
  operatorFromWire,
  operatorToWire,
  ProtoError,
  regionErrorFromWire,
  regionErrorToWire,
  regionFromWire,
  regionToWire,
  reportFromWire,
  reportToWire,
  schedulerpb,
  storeFromWire,
  storeStatsFromWire,
  storeStatsToWire,
  storeToWire,
  timestampFromWire,
  timestampToWire,
} from '../src/index.js';
import { type AnyCodec, reflectionOf } from './codecs.js';
import { arbitraryMessage } from './messages.js';

interface Conversion {
  readonly codec: AnyCodec;
  fromWire(message: unknown): unknown;
  /** What is undefined on our side says nothing and is not sent. */
  toWire(value: unknown): unknown;
}

/** Forgets the types, which were checked here. */
function conversion<M, V, W>(
  codec: MessageCodec<M>,
  fromWire: (message: M) => V,
  toWire: (value: NonNullable<V>) => W,
): [string, Conversion] {
  return [codec.name, { codec, fromWire, toWire } as unknown as Conversion];
}

const conversions = [
  conversion(metapb.Region, regionFromWire, regionToWire),
  conversion(metapb.Store, storeFromWire, storeToWire),
  conversion(kvrpcpb.Context, contextFromWire, contextToWire),
  conversion(kvrpcpb.KeyError, keyErrorFromWire, keyErrorToWire),
  conversion(errorpb.Error, regionErrorFromWire, regionErrorToWire),
  conversion(schedulerpb.StoreStats, storeStatsFromWire, storeStatsToWire),
  conversion(schedulerpb.Timestamp, timestampFromWire, timestampToWire),
  conversion(schedulerpb.RegionHeartbeatRequest, reportFromWire, reportToWire),
  conversion(schedulerpb.RegionHeartbeatResponse, operatorFromWire, operatorToWire),
];

it.each(conversions)(
  '%s of any content becomes a value that crosses again, or is refused',
  (_, c) => {
    let values = 0;
    fc.assert(
      fc.property(arbitraryMessage(reflectionOf(c.codec)), (message) => {
        const received = c.codec.decode(c.codec.encode(message));
        const outcome = outcomeOf(() => c.fromWire(received), ProtoError);
        if (outcome.type === 'refused' || outcome.value === undefined) return;
        values += 1;
        const sent = c.codec.encode(c.toWire(outcome.value) as Record<string, unknown>);
        expect(c.fromWire(c.codec.decode(sent))).toEqual(outcome.value);
      }),
      runs(200),
    );
    expect(values).toBeGreaterThan(5);
  },
);
