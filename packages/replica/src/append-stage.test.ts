import { KvError } from '@tinykv/base';
import { ManualClock } from '@tinykv/base/testing';
import type { ConfState, Entry, GroupUpdate, Message, RaftLog } from '@tinykv/raft';
import { makeMessage } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import { AppendStage } from './append-stage.js';
import type { Group } from './group.js';
import { emptyGroupState, GroupStorage } from './group-storage.js';

const conf: ConfState = {
  voters: [1],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** A log whose appends last until the test ends them. */
class SlowLog implements RaftLog {
  readonly appends: (readonly GroupUpdate[])[] = [];
  readonly #ends: { resolve(): void; reject(error: Error): void }[] = [];
  syncs = 0;

  append(updates: readonly GroupUpdate[]): Promise<void> {
    this.appends.push(updates);
    this.syncs++;
    return new Promise((resolve, reject) => this.#ends.push({ resolve, reject }));
  }

  async end(): Promise<void> {
    this.#ends.shift()?.resolve();
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }

  async fail(error: Error): Promise<void> {
    this.#ends.shift()?.reject(error);
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }

  async open(): Promise<[]> {
    return [];
  }
  async read(): Promise<Entry[]> {
    return [];
  }
  async close(): Promise<void> {}
}

function fakeGroup(id: number): Group {
  const state = emptyGroupState({ term: 5, vote: 1, commit: 5 }, { index: 5, term: 5 });
  const storage = new GroupStorage(state, conf, () => undefined);
  return { id, storage, destroyed: false } as unknown as Group;
}

function entry(index: number, term = 5): Entry {
  return { index, term, type: 'EntryNormal', data: new Uint8Array(3) };
}

function append(fields: Partial<Message>): Message {
  return makeMessage({ type: 'MsgStorageAppend', ...fields });
}

interface SetUp {
  readonly log: SlowLog;
  readonly stage: AppendStage;
  readonly answered: string[];
  readonly clock: ManualClock;
  /** What the stage said of the disk. */
  readonly full: (string | undefined)[];
  readonly fatal: unknown[];
}

function setUp(): SetUp {
  const log = new SlowLog();
  const answered: string[] = [];
  const clock = new ManualClock();
  const full: (string | undefined)[] = [];
  const fatal: unknown[] = [];
  const stage = new AppendStage(log, {
    installSnapshot: async () => undefined,
    finishSnapshot: async () => undefined,
    deliver: (group, responses) => {
      for (const response of responses) answered.push(`${group.id}:${response.index}`);
    },
    flush: () => undefined,
    full: (reason) => full.push(reason),
    after: (ms, fn) => clock.after(ms, fn),
    hit: () => undefined,
    fatal: (error) => fatal.push(error),
  });
  return { log, stage, answered, clock, full, fatal };
}

const ack = (index: number): Message => makeMessage({ type: 'MsgAppResp', index });

describe('append stage', () => {
  it('writes what waits of all groups at once, and answers when it is durable', async () => {
    const { log, stage, answered } = setUp();
    const [one, two] = [fakeGroup(1), fakeGroup(2)];
    stage.add(one, append({ entries: [entry(6)], responses: [ack(6)] }));
    stage.add(two, append({ entries: [entry(6)], responses: [ack(6)] }));
    stage.kick();
    stage.add(one, append({ entries: [entry(7)], responses: [ack(7)] }));
    stage.add(one, append({ entries: [entry(8)], responses: [ack(8)] }));
    stage.kick();
    expect(log.appends.map((updates) => updates.length)).toEqual([2]);
    expect(answered).toEqual([]);
    await log.end();
    expect(answered).toEqual(['1:6', '2:6']);
    expect(log.appends[1]).toMatchObject([{ group: 1, entries: [{ index: 7 }, { index: 8 }] }]);
    await log.end();
    expect(answered).toEqual(['1:6', '2:6', '1:7', '1:8']);
    expect(one.storage.lastIndex()).toBe(8);
  });

  it('lets later entries replace earlier ones of the same write', async () => {
    const { log, stage } = setUp();
    const one = fakeGroup(1);
    stage.add(one, append({ entries: [entry(6), entry(7), entry(8)] }));
    stage.add(one, append({ entries: [entry(7, 6)], term: 6, vote: 2, commit: 5 }));
    stage.kick();
    expect(log.appends[0]).toMatchObject([
      { entries: [entry(6), entry(7, 6)], hardState: { term: 6, vote: 2 } },
    ]);
    await log.end();
    expect([one.storage.lastIndex(), one.storage.term(7)]).toEqual([7, 6]);
  });

  it('a commit index alone asks for no write and goes with the next', async () => {
    const { log, stage } = setUp();
    const one = fakeGroup(1);
    stage.add(one, append({ entries: [entry(6)], term: 5, vote: 1, commit: 5 }));
    stage.kick();
    await log.end();
    stage.add(one, append({ term: 5, vote: 1, commit: 6 }));
    stage.kick();
    expect(log.syncs).toBe(1);
    stage.add(one, append({ entries: [entry(7)] }));
    stage.kick();
    expect(log.appends[1]).toMatchObject([{ hardState: { commit: 6 } }]);
  });

  it('an answer without a write still waits for what was appended before it', async () => {
    const { log, stage, answered } = setUp();
    const one = fakeGroup(1);
    stage.add(one, append({ entries: [entry(6)], term: 5, vote: 1, commit: 5 }));
    stage.kick();
    stage.add(one, append({ term: 5, vote: 1, commit: 6, responses: [ack(6)] }));
    stage.kick();
    for (let i = 0; i < 5; i++) await Promise.resolve();
    expect(answered).toEqual([]);
    await log.end();
    expect(answered).toEqual(['1:6']);
    expect(log.syncs).toBe(1);
  });

  it('says that notes are durable when the write that carries them is', async () => {
    const { log, stage } = setUp();
    const one = fakeGroup(1);
    let done = '';
    stage.note(one, { durableApplied: 5 });
    void stage.noted().then(() => {
      done += 'first ';
    });
    expect(log.appends).toMatchObject([[{ group: 1, durableApplied: 5 }]]);
    // Nothing new is noted, but the write in flight is not durable yet.
    void stage.noted().then(() => {
      done += 'second';
    });
    for (let i = 0; i < 5; i++) await Promise.resolve();
    expect(done).toBe('');
    await log.end();
    expect(done).toBe('first second');
    expect(log.syncs).toBe(1);
  });

  it('a new term or vote is written before its answer', async () => {
    const { log, stage, answered } = setUp();
    const one = fakeGroup(1);
    const vote = makeMessage({ type: 'MsgVoteResp', index: 99 });
    stage.add(one, append({ term: 6, vote: 2, commit: 5, responses: [vote] }));
    stage.kick();
    expect(log.appends[0]).toMatchObject([{ hardState: { term: 6, vote: 2, commit: 5 } }]);
    expect(answered).toEqual([]);
    await log.end();
    expect(answered).toEqual(['1:99']);
  });
});

describe('an append stage over a full disk', () => {
  const noSpace = new KvError('RESOURCE_EXHAUSTED', 'no space left');

  it('answers nothing, tries the same write again, and goes on in order', async () => {
    const { log, stage, answered, clock, full, fatal } = setUp();
    const one = fakeGroup(1);
    stage.add(one, append({ entries: [entry(6)], responses: [ack(6)] }));
    stage.kick();
    await log.fail(noSpace);
    expect(full).toEqual(['no space left']);
    stage.add(one, append({ entries: [entry(7)], responses: [ack(7)] }));
    stage.kick();
    expect(log.appends).toHaveLength(1);
    await clock.advance(1_000);
    await log.fail(noSpace);
    await clock.advance(1_000);
    expect(log.appends).toHaveLength(3);
    expect(new Set(log.appends.map(([update]) => update!.entries![0]!.index))).toEqual(
      new Set([6]),
    );
    expect([answered, one.storage.lastIndex(), full.length]).toEqual([[], 5, 1]);

    await log.end();
    expect(full).toEqual(['no space left', undefined]);
    expect(answered).toEqual(['1:6']);
    await log.end();
    expect(answered).toEqual(['1:6', '1:7']);
    expect(fatal).toEqual([]);
  });

  it('an update that no message carries is durable before it is said to be', async () => {
    const { log, stage, clock } = setUp();
    let done = false;
    void stage.write({ group: 4, destroy: true }).then(() => {
      done = true;
    });
    await log.fail(noSpace);
    await clock.advance(1_000);
    expect(done).toBe(false);
    await log.end();
    expect(done).toBe(true);
  });

  it('stops in time, and leaves what waits undone', async () => {
    const { log, stage, answered, clock } = setUp();
    stage.add(fakeGroup(1), append({ entries: [entry(6)], responses: [ack(6)] }));
    stage.kick();
    await log.fail(noSpace);
    await stage.stop();
    expect(clock.pendingTimers).toBe(0);
    expect(answered).toEqual([]);
  });

  it('stops once the attempt that is running has failed', async () => {
    const { log, stage } = setUp();
    stage.add(fakeGroup(1), append({ entries: [entry(6)] }));
    stage.kick();
    let stopped = false;
    void stage.stop().then(() => {
      stopped = true;
    });
    await Promise.resolve();
    expect(stopped).toBe(false);
    await log.fail(noSpace);
    expect(stopped).toBe(true);
  });

  it('any other failure ends the process', async () => {
    const { log, stage, full, fatal, clock } = setUp();
    stage.add(fakeGroup(1), append({ entries: [entry(6)] }));
    stage.kick();
    await log.fail(new KvError('INTERNAL', 'raft log: fsync: input/output error'));
    expect([full, clock.pendingTimers]).toEqual([[], 0]);
    expect(fatal).toHaveLength(1);
  });
});
