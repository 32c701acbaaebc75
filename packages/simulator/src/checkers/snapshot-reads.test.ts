import { describe, expect, it } from 'vitest';
import { checkSnapshotReads, type RangeRead, type WriteRecord } from './snapshot-reads.js';

function write(
  startTs: bigint,
  commitTs: bigint | undefined,
  writes: Readonly<Record<string, string | undefined>>,
  outcome: WriteRecord['outcome'] = commitTs === undefined ? 'unknown' : 'ok',
): WriteRecord {
  return {
    client: 1,
    call: Number(startTs),
    ret: Number(commitTs ?? Number.POSITIVE_INFINITY),
    outcome,
    startTs,
    ...(commitTs === undefined ? {} : { commitTs }),
    writes: new Map(Object.entries(writes)),
  };
}

function read(
  ts: bigint,
  pairs: readonly (readonly [string, string])[],
  how: Partial<RangeRead> = {},
): RangeRead {
  const range = { start: 'a', end: 'z', reverse: false, keyOnly: false, limit: Infinity };
  return { client: 2, call: 100, ret: 101, ts, ...range, ...how, pairs };
}

function kinds(writes: readonly WriteRecord[], ...reads: readonly RangeRead[]): string[] {
  return checkSnapshotReads(writes, reads).violations.map(({ message }) => message.split(':')[0]!);
}

const two = [write(10n, 20n, { a: 'a1', b: 'b1' }), write(30n, 40n, { a: 'a2' })];

describe('snapshots of ranges', () => {
  it('pass while each key shows the newest version at the timestamp', () => {
    const reads = [
      read(19n, []),
      read(20n, [
        ['a', 'a1'],
        ['b', 'b1'],
      ]),
      read(39n, [
        ['a', 'a1'],
        ['b', 'b1'],
      ]),
      read(
        40n,
        [
          ['b', 'b1'],
          ['a', 'a2'],
        ],
        { reverse: true },
      ),
    ];
    expect(checkSnapshotReads(two, reads)).toEqual({ violations: [], checked: 6, gaveUp: [] });
  });

  it('convict a phantom: a key that was committed before is missing', () => {
    expect(kinds(two, read(25n, [['a', 'a1']]))).toEqual(['missing version']);
  });

  it('convict half a transaction', () => {
    expect(kinds([write(1n, 2n, { a: 'x', b: 'x' })], read(5n, [['b', 'x']]))).toEqual([
      'missing version',
    ]);
  });

  it('convict a version that is too old, or too new', () => {
    expect(
      kinds(
        two,
        read(45n, [
          ['a', 'a1'],
          ['b', 'b1'],
        ]),
      ),
    ).toEqual(['wrong version']);
    expect(
      kinds(
        two,
        read(35n, [
          ['a', 'a2'],
          ['b', 'b1'],
        ]),
      ),
    ).toEqual(['wrong version']);
  });

  it('convict a deleted key that comes back, and one that is gone without a delete', () => {
    const writes = [write(1n, 2n, { a: 'x' }), write(3n, 4n, { a: undefined })];
    expect(kinds(writes, read(5n, [['a', 'x']]))).toEqual(['wrong version']);
    expect(kinds(writes, read(3n, []))).toEqual(['missing version']);
  });

  it('convict a value of a transaction that failed', () => {
    const failed = write(50n, undefined, { a: 'a3' }, 'fail');
    expect(
      kinds(
        [...two, failed],
        read(60n, [
          ['a', 'a3'],
          ['b', 'b1'],
        ]),
      ),
    ).toEqual(['wrong version']);
  });

  it('allow what an unknown outcome explains, but not before that transaction began', () => {
    const unknown = write(50n, undefined, { a: 'a3', b: undefined });
    expect(kinds([...two, unknown], read(60n, [['a', 'a3']]))).toEqual([]);
    expect(
      kinds(
        [...two, unknown],
        read(60n, [
          ['a', 'a2'],
          ['b', 'b1'],
        ]),
      ),
    ).toEqual([]);
    expect(
      kinds(
        [...two, unknown],
        read(50n, [
          ['a', 'a3'],
          ['b', 'b1'],
        ]),
      ),
    ).toEqual(['wrong version']);
  });

  it('ask of a scan with a limit only what lies before its last key', () => {
    expect(kinds(two, read(25n, [['a', 'a1']], { limit: 1 }))).toEqual([]);
    expect(kinds(two, read(25n, [['b', 'b1']], { limit: 1, reverse: true }))).toEqual([]);
    expect(kinds(two, read(25n, [['b', 'b1']], { limit: 1 }))).toEqual(['missing version']);
  });

  it('convict keys out of order, more keys than the limit, and keys that nobody wrote', () => {
    expect(
      kinds(
        two,
        read(25n, [
          ['b', 'b1'],
          ['a', 'a1'],
        ]),
      ),
    ).toEqual(['order']);
    expect(
      kinds(
        two,
        read(
          25n,
          [
            ['a', 'a1'],
            ['b', 'b1'],
          ],
          { limit: 1 },
        ),
      ),
    ).toEqual(['order']);
    expect(kinds(two, read(5n, [['c', 'c1']]))).toEqual(['foreign key']);
  });

  it('ask of keys alone that they exist', () => {
    expect(
      kinds(
        two,
        read(
          25n,
          [
            ['a', ''],
            ['b', ''],
          ],
          { keyOnly: true },
        ),
      ),
    ).toEqual([]);
    expect(kinds(two, read(25n, [['a', '']], { keyOnly: true }))).toEqual(['missing version']);
    expect(kinds(two, read(5n, [['a', '']], { keyOnly: true }))).toEqual(['wrong version']);
  });
});
