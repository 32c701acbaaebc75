import { fromUtf8, limits, utf8 } from '@tinykv/base';
import { Client, type ClientOptions } from '@tinykv/client';
import {
  type ConnectionEvents,
  clientKv,
  defaultGatewayConfig,
  GatewayCore,
} from '@tinykv/gateway';
import { beforeEach, describe, expect, it } from 'vitest';
import { Scenario } from './scenario.js';
import { Wiretap } from './wiretap.js';

/** As many keys, with values that move with their records, as a request of one phase may have. */
const SHORT_KEYS = 6_400;
const SHORT_BYTES = 1_024;

let tap: Wiretap;
let scenario: Scenario;

beforeEach(async ({ task }) => {
  tap = new Wiretap();
  // No Region is split unless it is told to be.
  scenario = await Scenario.start(task.name, { regionMaxBytes: 100_000_000 });
});

/** A client that knows the Region and its leader, of a store that may choose timestamps. */
async function connect(options: Partial<ClientOptions> = {}): Promise<Client> {
  const [node] = scenario.cluster.clients;
  const { address } = scenario.cluster.scheduler;
  const connecting = Client.connect(node!.env!, { scheduler: address, ...options });
  const client = await scenario.wait(connecting);
  for (const value of ['once', 'and again']) await put(client, 'warm', utf8(value));
  await quiet();
  return client;
}

/** Whoever has just started asks for this and that: waits until that is over, and forgets it. */
async function quiet(): Promise<void> {
  await scenario.run(500);
  tap.take();
}

async function put(client: Client, key: string, ...values: Uint8Array[]): Promise<void> {
  const commit = client.txn.run((txn) => {
    for (const [i, value] of values.entries()) txn.put(utf8(`${key}/${i}`), value);
    return Promise.resolve();
  });
  await scenario.wait(commit);
}

/** Entries in the logs of all Regions, by what their leaders have. */
function entries(): number {
  const leaders = scenario.cluster.peers().filter(({ status }) => status.role === 'StateLeader');
  return leaders.reduce((sum, { status }) => sum + status.lastIndex, 0);
}

/** What a piece of work costs up to its answer: requests by name, and Raft entries. */
async function costOf(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = entries();
  tap.take();
  await work();
  return { ...tap.take(), entries: entries() - before };
}

describe('a transaction within one Region', () => {
  const one = { Tso: 1, KvPrewrite: 1, entries: 1 };

  it('costs a timestamp, a request and an entry', async () => {
    const client = await connect();
    expect(await costOf(() => put(client, 'a', utf8('1')))).toEqual(one);
    expect(await costOf(() => put(client, 'b', utf8('1'), utf8('2'), utf8('3')))).toEqual(one);
    // At once behind the last one that wrote the key.
    expect(await costOf(() => put(client, 'b', utf8('4')))).toEqual(one);
  });

  it('also when it is about as large as a request may be, of one key or many', async () => {
    const client = await connect();
    // What stands around each key in an entry counts too.
    const largest = (keys: number): number => limits.onePhaseBytesMax / keys - 512;
    expect(await costOf(() => put(client, 'a', new Uint8Array(largest(1))))).toEqual(one);
    const parts = Array.from({ length: 64 }, () => new Uint8Array(largest(64)));
    expect(await costOf(() => put(client, 'b', ...parts))).toEqual(one);
  });

  it('goes through in two phases when the versions that it displaces do not fit into the entry', async () => {
    const client = await connect();
    const values = (byte: number): Uint8Array[] =>
      Array.from({ length: SHORT_KEYS }, () => new Uint8Array(SHORT_BYTES).fill(byte));
    const cost = await costOf(() => put(client, 'many', ...values(1)));
    expect(cost).toEqual(one);
    const { KvPrewrite, ...rest } = await costOf(() => put(client, 'many', ...values(2)));
    expect(KvPrewrite, 'all of its locks in one entry').toBe(1);
    expect(rest['Tso']).toBe(2);
    const last = utf8(`many/${SHORT_KEYS - 1}`);
    expect(await scenario.wait(client.txn.snapshotGet(last))).toEqual(values(2)[0]);
  });

  it('costs a request more for what it reads', async () => {
    const client = await connect();
    const readAndWrite = client.txn.run.bind(client.txn, async (txn) => {
      const value = await txn.get(utf8('warm/0'));
      txn.put(utf8('warm/0'), value!);
    });
    const cost = await costOf(() => scenario.wait(readAndWrite()));
    expect(cost).toEqual({ ...one, KvGet: 1 });
  });

  it('in two phases costs a timestamp, a request and an entry more', async () => {
    const client = await connect({ onePhaseCommit: false, asyncCommit: false });
    const cost = await costOf(() => put(client, 'a', utf8('1'), utf8('2')));
    expect(cost).toEqual({ Tso: 2, KvPrewrite: 1, KvCommit: 1, entries: 2 });
  });
});

describe('a transaction over two Regions', () => {
  it('is answered after one entry in each, and committed behind that', async () => {
    const client = await connect();
    await splitInTwo(client);
    const commit = async (): Promise<void> => {
      const txn = await client.txn.begin();
      for (const key of [LOW, HIGH]) txn.put(utf8(key), utf8('1'));
      await txn.commit();
      // Counted before anything that follows can have been sent.
      answered = { ...tap.take(), entries: entries() };
      await txn.settled;
    };
    let answered: Record<string, number> = {};
    const before = entries();
    tap.take();
    await scenario.wait(commit());
    expect(answered).toEqual({ Tso: 1, KvPrewrite: 2, entries: before + 2 });
    expect({ ...tap.take(), entries: entries() }).toEqual({ KvCommit: 2, entries: before + 4 });
  });

  it('in two phases is answered after the entry of its primary', async () => {
    const client = await connect({ asyncCommit: false });
    await splitInTwo(client);
    const cost = await costOf(async () => {
      const txn = await scenario.wait(client.txn.begin());
      for (const key of [LOW, HIGH]) txn.put(utf8(key), utf8('1'));
      await scenario.wait(txn.commit());
      await scenario.wait(txn.settled);
    });
    expect(cost).toEqual({ Tso: 2, KvPrewrite: 2, KvCommit: 2, entries: 4 });
  });
});

const [LOW, HIGH] = ['a/0', 'z/0'];

/** Has the Region split between the two keys; the client knows both parts. */
async function splitInTwo(client: Client): Promise<void> {
  for (const key of ['a', 'm', 'z']) await put(client, key, new Uint8Array(1_000));
  const { admin } = client.scheduler;
  const [info] = await scenario.wait(admin.regions());
  let isAsked = false;
  await scenario.until('two Regions with leaders', () => {
    if (!isAsked) void admin.addOperator({ kind: 'split', regionId: info!.region.id });
    isAsked = true;
    const leaders = scenario.cluster.peers().filter(({ status }) => status.role === 'StateLeader');
    return leaders.length === 2;
  });
  // The scheduler spreads the leaders.
  await scenario.run(10_000);
  for (const key of ['a', 'z']) await put(client, key, utf8('again'));
  await quiet();
}

describe('a point get', () => {
  it('costs a request, no timestamp and no entry', async () => {
    const client = await connect();
    const get = (): Promise<unknown> => scenario.wait(client.txn.snapshotGet(utf8('warm/0')));
    expect(await costOf(get)).toEqual({ KvGet: 1, entries: 0 });
  });

  it('also as GET through a gateway', async () => {
    const client = await connect();
    const { env } = scenario.cluster.clients[0]!;
    const core = new GatewayCore(env!, clientKv(client), defaultGatewayConfig);
    core.start();
    const redis = new RedisClient(core);
    expect(await redis.send('SET k v')).toBe('+OK\r\n');
    await quiet();
    let reply = '';
    const cost = await costOf(async () => {
      reply = await redis.send('GET k');
    });
    expect(reply).toBe('$1\r\nv\r\n');
    expect(cost).toEqual({ KvGetVersions: 1, entries: 0 });
    await scenario.wait(core.close(0));
  });
});

/** A connection to a gateway of this process, of one command at a time. */
class RedisClient {
  readonly #events: ConnectionEvents;
  #output = '';

  constructor(core: GatewayCore) {
    const events = core.accept({
      address: 'client:1',
      localAddress: 'gateway:6379',
      bufferedBytes: 0,
      write: (bytes) => {
        this.#output += fromUtf8(bytes);
        return true;
      },
      end: () => undefined,
      destroy: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
    });
    if (events === undefined) throw new Error('the gateway takes no connection');
    this.#events = events;
  }

  async send(command: string): Promise<string> {
    this.#output = '';
    this.#events.onData(utf8(`${command}\r\n`));
    await scenario.until('a reply', () => this.#output !== '');
    return this.#output;
  }
}
