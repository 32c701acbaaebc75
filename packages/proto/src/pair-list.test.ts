import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Init } from './codec.js';
import { type KeyError, type KvPair, RawScanResponse, ScanResponse } from './gen/kvrpcpb.js';
import { PairListWriter, scanPages } from './pair-list.js';
import { ProtoError } from './proto-error.js';

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ minLength: 120, maxLength: 300 }),
);
const error: fc.Arbitrary<Init<KeyError>> = fc
  .tuple(bytes, fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }))
  .map(([key, lockVersion]) => ({ locked: { key, lockVersion } }));
const pair: fc.Arbitrary<Init<KvPair>> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ key: bytes, value: bytes }) },
  { weight: 1, arbitrary: fc.record({ key: bytes, error }) },
);
const answer = fc.record({ pairs: fc.array(pair, { maxLength: 60 }), hasMore: fc.boolean() });

/** As a scan writes: each key in a longer buffer, each value within its record. */
function write(writer: PairListWriter, pairs: readonly Init<KvPair>[]): void {
  const key = new Uint8Array(400).fill(0xee);
  for (const one of pairs) {
    key.set(one.key!);
    if (one.error !== undefined) {
      writer.error(one.key!, one.error);
      continue;
    }
    const record = Uint8Array.from([9, 9, 9, ...one.value!, 7, 7]);
    writer.pair(key, one.key!.length, record, 3, 3 + one.value!.length);
    record.fill(0);
  }
}

describe('the pairs of an answer to a scan', () => {
  it('are written as the generated code writes them', () => {
    fc.assert(
      fc.property(answer, ({ pairs, hasMore }) => {
        const scan = PairListWriter.ofScan();
        write(scan, pairs);
        expect(scan.finish(hasMore)).toEqual(ScanResponse.encode({ pairs, hasMore }));
        const raw = PairListWriter.ofRawScan();
        write(raw, pairs);
        const whole = RawScanResponse.encode({ kvs: pairs, hasMore });
        expect(raw.finish(hasMore)).toEqual(whole);
      }),
    );
  });

  it('are read as the generated code reads them, each with bytes of its own', () => {
    fc.assert(
      fc.property(answer, ({ pairs, hasMore }) => {
        const sent = ScanResponse.encode({ pairs, hasMore });
        const page = scanPages.kvScan.response.decode(sent);
        const read = ScanResponse.decode(sent);
        const owned = ({ key, value }: KvPair): unknown => ({
          key: Uint8Array.from(key),
          value: Uint8Array.from(value),
        });
        expect(page.pairs).toEqual(read.pairs.filter((p) => !p.error).map(owned));
        const errors = read.pairs.flatMap((p) => (p.error ? [p.error] : []));
        expect(page.keyErrors).toEqual(errors);
        expect(page.count).toBe(pairs.length);
        expect(page.last).toEqual(pairs.length === 0 ? undefined : pairs.at(-1)!.key);
        expect(page.rest).toEqual({ ...read, pairs: [] });
        for (const { key, value } of page.pairs) {
          expect([key.buffer.byteLength, value.buffer.byteLength]).toEqual([
            key.length,
            value.length,
          ]);
        }
      }),
    );
  });

  it('beside a Region error or an error of the answer are none', () => {
    const regionError = { message: 'm', notLeader: { regionId: 5 } };
    const failed = scanPages.kvScan.response.decode(
      ScanResponse.encode({ regionError, error: { abort: 'why' } }),
    );
    expect(failed.regionError).toMatchObject(regionError);
    expect(failed.rest.error).toMatchObject({ abort: 'why' });
    expect(failed.pairs).toEqual([]);
    const raw = scanPages.rawScan.response.decode(RawScanResponse.encode({ error: 'why' }));
    expect(raw.rest.error).toBe('why');
  });

  it('that are malformed are refused as the generated code refuses them', () => {
    fc.assert(
      fc.property(answer, fc.nat(), fc.nat(255), ({ pairs }, at, byte) => {
        const sent = ScanResponse.encode({ pairs });
        if (sent.length > 0) sent[at % sent.length] = byte;
        const outcome = (decode: (bytes: Uint8Array) => unknown): unknown => {
          try {
            decode(sent);
            return 'read';
          } catch (refusal) {
            expect(refusal).toBeInstanceOf(ProtoError);
            return 'refused';
          }
        };
        const { decode } = scanPages.kvScan.response;
        expect(outcome(decode)).toBe(outcome((whole) => ScanResponse.decode(whole)));
      }),
    );
  });
});
