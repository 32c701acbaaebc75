import { ByteReader, utf8 } from '@tinykv/base';
import { Client } from '@tinykv/client';
import { tinykvpeer } from '@tinykv/proto';
import { readEnvelope } from '@tinykv/raftstore';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SimClock } from '../src/world/sim-clock.js';
import { SimNet } from '../src/world/sim-net.js';
import { Scenario } from './scenario.js';

/** Operations one after the other, each sent when the answer to the one before has come. */
const OPERATIONS = 20;

/** Counts of all processes: Raft messages by type, frames that carry some, and turns that are put off to the next event. */
interface Cost {
  readonly messages: Record<string, number>;
  readonly frames: number;
  readonly turns: number;
}

let messages = new Map<string, number>();
let frames = 0;
let turns = 0;
let scenario: Scenario;
let client: Client;

function take(): Cost {
  const cost = { messages: Object.fromEntries([...messages].sort()), frames, turns };
  messages = new Map();
  frames = 0;
  turns = 0;
  return cost;
}

/** Heartbeats come at their own times and do not count. */
function onFrame(bytes: Uint8Array): void {
  const reader = new ByteReader(tinykvpeer.RaftFrame.decode(bytes).messages);
  let counts = false;
  while (reader.remaining > 0) {
    const type = readEnvelope(new ByteReader(reader.raw(reader.u32()))).message?.type;
    if (type === undefined || type.startsWith('MsgHeartbeat')) continue;
    messages.set(type, (messages.get(type) ?? 0) + 1);
    counts = true;
  }
  if (counts) frames += 1;
}

function tap(): void {
  const { open } = SimNet.prototype;
  vi.spyOn(SimNet.prototype, 'open').mockImplementation(function (this: SimNet, ...args) {
    const stream = open.apply(this, args);
    if (!args[1].endsWith(tinykvpeer.Peer.raft.path)) return stream;
    const send = stream.send.bind(stream);
    return Object.assign(stream, {
      send: (bytes: Uint8Array): boolean => {
        onFrame(bytes);
        return send(bytes);
      },
    });
  });
  const { defer } = SimClock.prototype;
  vi.spyOn(SimClock.prototype, 'defer').mockImplementation(function (this: SimClock, fn) {
    turns += 1;
    defer.call(this, fn);
  });
}

beforeEach(async ({ task }) => {
  tap();
  // Longer than any of the operations takes.
  const settings = { replica: { commitHoldMs: 90, applyHoldMs: 90 } };
  scenario = await Scenario.start(task.name, { settings });
  const [node] = scenario.cluster.clients;
  const { address } = scenario.cluster.scheduler;
  client = await scenario.wait(Client.connect(node!.env!, { scheduler: address }));
  await put();
  await scenario.run(500);
  take();
});

afterEach(() => {
  vi.restoreAllMocks();
});

function put(): Promise<unknown> {
  return scenario.wait(client.raw.put(utf8('a'), utf8('value')));
}

async function costOf(operation: () => Promise<unknown>): Promise<Cost> {
  take();
  for (let i = 0; i < OPERATIONS; i++) await operation();
  return take();
}

function applied(): Set<number> {
  return new Set(scenario.cluster.peers().map(({ status }) => status.applied));
}

describe('an operation with nobody else there', () => {
  it('that puts a value costs each follower one message and one answer', async () => {
    const cost = await costOf(put);
    expect(cost.messages['MsgApp']).toBe(2 * OPERATIONS);
    // The last answers of a slow follower may be on their way.
    expect(cost.messages['MsgAppResp']).toBeLessThanOrEqual(2 * OPERATIONS);
    expect(cost.frames).toBeLessThanOrEqual(4 * OPERATIONS);
    expect(cost.turns).toBeLessThanOrEqual(12 * OPERATIONS);
  });

  it('that gets a value costs no message between stores', async () => {
    const cost = await costOf(() => scenario.wait(client.raw.get(utf8('a'))));
    expect(cost.messages).toEqual({});
    expect(cost.turns).toBeLessThanOrEqual(2 * OPERATIONS);
  });

  it('is known to all followers soon after, although nothing follows it', async () => {
    await put();
    expect(applied().size).toBe(2);
    await scenario.run(200);
    expect(applied().size).toBe(1);
    expect(take().messages['MsgApp']).toBe(4);
  });
});
