import {
  type KvError,
  limits,
  physicalMs,
  type Result,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import { fakeEnv, ManualClock } from '@tinykv/base/testing';
import { describe, expect, it } from 'vitest';
import { MemoryGroup, SharedLog } from '../tests/support/memory-group.js';
import { TsoServer } from './tso-server.js';

interface Node {
  readonly group: MemoryGroup;
  readonly server: TsoServer;
}

function node(clock: ManualClock, log: SharedLog = new SharedLog()): Node {
  const env = fakeEnv({ clock });
  const group = new MemoryGroup(clock, log);
  const server = new TsoServer(group, env, 3_000);
  group.onLeadership(() => server.onLeadership());
  server.start();
  return { group, server };
}

type Answer = Result<Timestamp, KvError>;

const STREAM = {};

function ask(
  server: TsoServer,
  count = 1,
  stream: object = STREAM,
): { answer: Answer | undefined } {
  const box: { answer: Answer | undefined } = { answer: undefined };
  server.request(stream, count, (answer) => {
    box.answer = answer;
  });
  return box;
}

async function take(clock: ManualClock, server: TsoServer, count = 1): Promise<Timestamp> {
  const box = ask(server, count);
  await clock.run(200);
  if (box.answer?.ok !== true) throw new Error(`no timestamp: ${JSON.stringify(box.answer)}`);
  return box.answer.value;
}

describe('TsoServer', () => {
  it('answers the requests of a turn in order, without gaps', async () => {
    const clock = new ManualClock();
    const { group, server } = node(clock);
    group.lead();
    await clock.run(10);
    const boxes = [3, 1, 5].map((count) => ask(server, count));
    await clock.settle();
    const [a, b, c] = boxes.map((box) => (box.answer?.ok ? box.answer.value : TS_ZERO));
    expect([b! - a!, c! - b!]).toEqual([1n, 5n]);
  });

  it('renews its window long before it is used up', async () => {
    const clock = new ManualClock();
    const { group, server } = node(clock);
    group.lead();
    for (let i = 0; i < 100; i++) await take(clock, server);
    const saves = group.proposed.filter(({ type }) => type === 'save-tso').length;
    // 20 s at 3 s each, renewed when half is left.
    expect(saves).toBeGreaterThan(10);
    expect(saves).toBeLessThan(16);
  });

  it('refuses at once while it does not lead', async () => {
    const clock = new ManualClock();
    const { server } = node(clock);
    const box = ask(server);
    await clock.settle();
    expect(box.answer).toMatchObject({ ok: false, error: { code: 'UNAVAILABLE' } });
  });

  it('fails a request that can get no timestamp for five seconds', async () => {
    const clock = new ManualClock();
    const { group, server } = node(clock);
    group.stalled = true;
    group.lead();
    const box = ask(server);
    await clock.run(4_900);
    expect(box.answer).toBeUndefined();
    await clock.run(200);
    expect(box.answer).toMatchObject({ ok: false, error: { code: 'UNAVAILABLE' } });
  });

  it('tso_monotonic_over_leader_change', async () => {
    const clock = new ManualClock();
    const { group, server } = node(clock);
    let last = TS_ZERO;
    for (let round = 0; round < 20; round++) {
      group.lead();
      await clock.run(5);
      const ts = await take(clock, server, 7);
      expect(ts - 6n).toBeGreaterThan(last);
      last = ts;
      group.resign();
      await clock.run(5);
      clock.jumpWall(round % 2 === 0 ? -2_000 : 500);
    }
  });

  it('serves nothing of a new term before the window of the old one is loaded and passed', async () => {
    const clock = new ManualClock();
    const { group, server } = node(clock);
    group.lead();
    const before = await take(clock, server);
    group.resign();
    group.lead();
    group.stalled = true;
    const box = ask(server);
    await clock.run(1_000);
    expect(box.answer).toBeUndefined();
    group.release();
    await clock.run(100);
    expect(box.answer?.ok === true && box.answer.value > before + (2_000n << 18n)).toBe(true);
  });

  it('tso_two_leaders_pause', async () => {
    const clock = new ManualClock();
    const log = new SharedLog();
    const [a, b] = [node(clock, log), node(clock, log)];
    a.group.lead();
    let last = await take(clock, a.server, 100);
    // A freezes: its lease runs out while B is elected. A still believes to be the leader.
    a.group.lease = false;
    b.group.lead();
    const fromB = await take(clock, b.server, 100);
    expect(fromB - 99n).toBeGreaterThan(last);
    last = fromB;
    // A thaws: neither an answer nor a saved window comes of it.
    const late = ask(a.server);
    await clock.run(5_000);
    expect(late.answer).toMatchObject({ ok: false, error: { message: 'lease expired' } });
    expect(await take(clock, b.server)).toBeGreaterThan(last);
    const terms = log.entries.map(({ term }) => term);
    expect(terms).toEqual([...terms].sort());
  });

  it('tso_clock_backwards_or_far_ahead', async () => {
    const clock = new ManualClock();
    const { group, server } = node(clock);
    group.lead();
    let last = TS_ZERO;
    const next = async (count = 1): Promise<void> => {
      const ts = await take(clock, server, count);
      expect(ts - BigInt(count - 1)).toBeGreaterThan(last);
      last = ts;
    };
    await next();
    clock.jumpWall(-600_000);
    for (let i = 0; i < 5; i++) await next();
    clock.jumpWall(86_400_000);
    for (let i = 0; i < 5; i++) await next();
    clock.jumpWall(-86_400_000);
    for (let i = 0; i < 5; i++) await next(262_144);
    // A restart with a clock that is a day behind what was served.
    group.restart();
    clock.jumpWall(-86_400_000);
    await clock.run(100);
    group.lead();
    for (let i = 0; i < 5; i++) await next();
  });

  it('makes requests wait when the values of a millisecond are used up', async () => {
    const clock = new ManualClock();
    const { group, server } = node(clock);
    group.lead();
    await clock.run(100);
    clock.jumpWall(-60_000);
    const boxes = Array.from({ length: 100 }, () => ask(server, 262_144));
    await clock.settle();
    expect(boxes.filter((box) => box.answer !== undefined).length).toBeLessThanOrEqual(52);
    await clock.run(50 * 12);
    const values = boxes.map((box) => (box.answer?.ok ? box.answer.value : TS_ZERO));
    expect(new Set(values).size).toBe(100);
    expect(values).toEqual([...values].sort((x, y) => (x < y ? -1 : 1)));
  });

  it('goes on after a clock that was an hour ahead is right again, and says how far it is ahead', async () => {
    const clock = new ManualClock();
    const env = fakeEnv({ clock });
    const log = new SharedLog();
    const before = node(clock, log);
    before.group.lead();
    await clock.run(200);
    clock.jumpWall(3_600_000);
    await clock.run(5_000);
    const late = await take(clock, before.server);
    before.server.stop();
    clock.jumpWall(-3_600_000);

    const group = new MemoryGroup(clock, log);
    const server = new TsoServer(group, env, 3_000);
    group.onLeadership(() => server.onLeadership());
    server.start();
    group.lead();
    await clock.run(200);
    const first = await take(clock, server);
    expect(first).toBeGreaterThan(late);
    await clock.run(10_000);
    const second = await take(clock, server);
    const passedMs = physicalMs(second) - physicalMs(first);
    expect(passedMs).toBeGreaterThan(10_000 * 0.97);
    expect(passedMs).toBeLessThan(10_400);
    expect(env.metrics.value('tinykv_scheduler_tso_ahead_seconds')).toBeCloseTo(3_603, -1);
    const warnings = env.logger.lines.filter(({ level }) => level === 'warn');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.fields['ahead_ms']).toBeGreaterThan(3_590_000);
  });

  it('lets streams take turns: those that ask for much wait by themselves', async () => {
    const clock = new ManualClock();
    const streams = Array.from({ length: 10 }, () => ({}));
    const { group, server } = node(clock);
    group.lead();
    await clock.run(100);
    // Together they ask for more than half a second of timestamps.
    const many = Array.from({ length: 10_000 }, (_, i) => {
      return ask(server, limits.tsoCountMax, streams[i % streams.length]!);
    });
    await clock.settle();
    const others = Array.from({ length: 10 }, () => ask(server, 1, {}));
    await clock.run(100);
    expect(others.every(({ answer }) => answer?.ok)).toBe(true);
    expect(many.filter(({ answer }) => answer !== undefined).length).toBeLessThan(5_000);
  });

  it('moves physical time on at once where demand uses up a millisecond, a little ahead of the clock', async () => {
    const clock = new ManualClock();
    const { group, server } = node(clock);
    group.lead();
    await clock.run(100);
    const streams = Array.from({ length: 4 }, () => ({}));
    const boxes = streams.flatMap((stream) =>
      Array.from({ length: 200 }, () => ask(server, limits.tsoCountMax, stream)),
    );
    await clock.settle();
    const values = boxes.flatMap(({ answer }) => (answer?.ok ? [answer.value] : []));
    expect(values).toHaveLength(800);
    expect(new Set(values).size).toBe(800);
    expect(server.physicalMs! - clock.wall()).toBeLessThanOrEqual(50);
    // Requests beyond wait for the clock.
    const more = streams.flatMap((stream) =>
      Array.from({ length: 1_000 }, () => ask(server, limits.tsoCountMax, stream)),
    );
    await clock.settle();
    expect(more.some(({ answer }) => answer === undefined)).toBe(true);
    expect(server.physicalMs! - clock.wall()).toBeLessThanOrEqual(50);
    await clock.run(500);
    expect(more.filter(({ answer }) => !answer?.ok).slice(0, 2)).toEqual([]);
  });

  it('forgets what a stream that is gone has asked for, and refuses a stream that asks too often', async () => {
    const clock = new ManualClock();
    const { group, server } = node(clock);
    const stream = {};
    group.stalled = true;
    group.lead();
    const boxes = Array.from({ length: limits.tsoStreamPendingMax }, () => ask(server, 1, stream));
    expect(ask(server, 1, stream).answer).toMatchObject({
      ok: false,
      error: { code: 'RESOURCE_EXHAUSTED' },
    });
    const other = ask(server, 1, {});
    server.forget(stream);
    group.release();
    await clock.run(200);
    expect(boxes.every(({ answer }) => answer === undefined)).toBe(true);
    expect(other.answer?.ok).toBe(true);
  });
});
