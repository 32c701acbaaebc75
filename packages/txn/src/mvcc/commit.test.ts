import { TS_ZERO } from '@tinykv/base';
import {
  decodeHistoryWrite,
  decodeNewest,
  historyKey,
  type LockRecord,
  newestKey,
  type WriteRecord,
} from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import { commitKey } from './commit.js';
import type { TxnKeyFacts } from './key-view.js';

const key = Uint8Array.of(7);
const former: WriteRecord = {
  kind: 'put',
  startTs: 1n,
  commitTs: 20n,
  shortValue: Uint8Array.of(1),
};
const lock: LockRecord = {
  kind: 'put',
  primary: key,
  startTs: 10n,
  ttlMs: 1,
  forUpdateTs: TS_ZERO,
  minCommitTs: TS_ZERO,
  secondaries: undefined,
  shortValue: Uint8Array.of(2),
};

function facts(
  kind: LockRecord['kind'],
  write: WriteRecord | undefined,
  otherTs = 5n,
): TxnKeyFacts {
  const newest = { write, otherTs };
  return { key, lock: { ...lock, kind }, newest, outcome: { type: 'none' } };
}

/** What the commit makes of the newest record and what it moves to the history. */
function committed(given: TxnKeyFacts, commitTs: bigint) {
  const decision = commitKey(given, { startTs: 10n, commitTs, strict: true });
  if (!decision.ok) return decision.error.type;
  const modify = decision.value;
  if (modify?.type !== 'commit') return undefined;
  const { newest, history } = modify;
  return {
    newest: newest && decodeNewest(newestKey(key), newest),
    history: history && decodeHistoryWrite(historyKey(key, history.ts, 'w'), history.record),
  };
}

// Locks and their conflict checks make commits of a key come in order; were a client to lock at a late timestamp
// and then commit at an early one, its version could take the place of another that lies in the history.
describe('commit of one key', () => {
  const own = (commitTs: bigint): WriteRecord => ({
    kind: 'put',
    startTs: 10n,
    commitTs,
    shortValue: Uint8Array.of(2),
  });

  it('above the newest moves that to the history', () => {
    expect(committed(facts('put', former), 30n)).toEqual({
      newest: { write: own(30n), otherTs: 5n },
      history: former,
    });
  });

  it('at the timestamp of the newest, or below, is refused', () => {
    for (const kind of ['put', 'delete', 'lock'] as const) {
      expect(committed(facts(kind, former), 20n)).toBe('abort');
      expect(committed(facts(kind, former), 15n)).toBe('abort');
    }
  });

  it('of a lock that changes nothing raises otherTs alone', () => {
    for (const write of [former, undefined]) {
      expect(committed(facts('lock', write), 30n)).toEqual({
        newest: { write, otherTs: 30n },
        history: { ...own(30n), kind: 'lock' },
      });
    }
    expect(committed(facts('lock', former, 40n), 30n)).toMatchObject({ newest: { otherTs: 40n } });
  });

  it('of a lock that was not prewritten is refused', () => {
    expect(committed(facts('pessimistic', undefined), 20n)).toBe('retryable');
  });

  it('that is committed already says yes to its own timestamp alone, to those who want the truth', () => {
    const done: TxnKeyFacts = {
      key,
      lock: undefined,
      newest: undefined,
      outcome: { type: 'commit', write: own(30n) },
    };
    const answer = (commitTs: bigint, strict: boolean) =>
      commitKey(done, { startTs: 10n, commitTs, strict });
    expect(answer(30n, true)).toEqual({ ok: true, value: undefined });
    expect(answer(31n, true)).toMatchObject({ ok: false, error: { type: 'abort' } });
    expect(answer(31n, false)).toEqual({ ok: true, value: undefined });
  });
});
