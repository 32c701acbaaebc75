import { isDeepStrictEqual } from 'node:util';
import { TS_MAX } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type FakeStore, fakeStore, key, STRICT, served } from './fake-store.js';
import {
  type Command,
  checkRecords,
  command,
  expected,
  lockedFirst,
  pair,
  real,
} from './mvcc-commands.js';
import { type Grants, NaiveMvcc } from './naive-mvcc.js';

const script = fc
  .array(
    fc.oneof(
      command.map((c) => [c]),
      pair,
      lockedFirst,
    ),
    { maxLength: 40, size: 'max' },
  )
  .map((parts) => parts.flat());

/** What a command was and how it was answered, without the details. */
function labelOf(c: Command, answer: unknown): string {
  const [first] = String(answer).split(' ');
  return c.type === 'get'
    ? `get ${first!.slice(0, 1)}`
    : `${c.type} ${c.type === 'scan' ? '' : first}`;
}

/** Every key at every timestamp that a command may have had, forth and back. */
function* readsOfAll(): Generator<Command> {
  for (let ms = 0n; ms <= 7n; ms++) {
    for (let n = 1n; n <= 3n; n++) {
      const at = { ts: (ms << 18n) + n, strict: n === 1n };
      yield { type: 'scan', from: '', to: 'e', limit: 9, reverse: n === 2n, ...at };
    }
    for (const k of ['a', 'b', 'c', 'd']) {
      yield { type: 'get', key: k, ts: (ms << 18n) + 2n, strict: true };
    }
  }
  for (const k of ['a', 'b', 'c', 'd']) yield { type: 'history', key: k };
  yield { type: 'locks', from: '', to: '', maxTs: TS_MAX, limit: 0 };
  yield { type: 'scan', from: '', to: 'e', limit: 9, reverse: false, ts: TS_MAX, strict: true };
}

/** `toEqual`, quickly when there is nothing to say: it is asked millions of times at full size. */
function agree(actual: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(actual, wanted)) expect(actual).toEqual(wanted);
}

/** Of some 28 on average; at full size more than a million in all. */
const COMMANDS_PER_RUN = 25;
const RUNS = runs(400);

/** Below and above every timestamp that a command may have. */
const GRANTS: Grants = { first: 1n, later: 1_000n << 18n };

/** A store that has fetched a timestamp in its term, and so may choose others. */
async function choosingStore(): Promise<FakeStore> {
  let granted = GRANTS.first;
  const store = fakeStore(fakeEnv(), () => Promise.resolve(granted));
  const request = { mutations: [], primary: key('p'), startTs: 1n, ttlMs: 1, tryOnePc: true };
  await served(store.txn.writes.prewrite(STRICT, request));
  await store.env.clock.settle();
  granted = GRANTS.later;
  return store;
}

it('random commands are answered, and stored, as a list of versions would have it', async () => {
  const seen = new Map<string, number>();
  let steps = 0;
  await fc.assert(
    fc.asyncProperty(script, async (commands) => {
      const store = await choosingStore();
      const naive = new NaiveMvcc(GRANTS);
      for (const c of commands) {
        const answer = expected(naive, c);
        agree(await real(store, c), answer);
        steps += 1;
        const label = labelOf(c, answer);
        seen.set(label, (seen.get(label) ?? 0) + 1);
      }
      for (const c of readsOfAll()) agree(await real(store, c), expected(naive, c));
      checkRecords(store, naive);
      expect(store.engine.openSnapshots).toBe(0);
    }),
    RUNS,
  );
  expect(steps).toBeGreaterThan(COMMANDS_PER_RUN * RUNS.numRuns);
  // The mix is worth something only if it reaches every kind of answer.
  for (const label of [
    'prewrite conflict',
    'prewrite locked',
    'prewrite committed',
    'prewrite from',
    'secondaries locks',
    'secondaries committed',
    'secondaries rolled',
    'commit commit-ts-expired',
    'commit ok',
    'commit abort',
    'commit retryable',
    'lock ok',
    'lock abort',
    'lock locked',
    'lock conflict',
    'unlock ok',
    'prewrite abort',
    'check ttl-expire-pessimistic-rollback',
    'check lock-not-exist-do-nothing',
    'rollback ok',
    'rollback abort',
    'check alive',
    'check committed',
    'check rolled',
    'check ttl-expire-rollback',
    'check lock-not-exist-rollback',
    'resolve ok',
    'get l',
    'get n',
    'get =',
    'history put',
    'history lock',
    'history rollback',
    'locks lock',
    'locks ',
  ]) {
    expect(seen.get(label) ?? 0, label).toBeGreaterThan(10);
  }
});
