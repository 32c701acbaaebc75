import { Prng } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { FaultyKv } from '../src/testing/faulty-kv.js';
import { type TestGateway, testGateway } from '../src/testing/harness.js';
import { MemoryKv } from '../src/testing/memory-kv.js';
import { TestClock } from '../src/testing/test-clock.js';

interface World {
  readonly clock: TestClock;
  readonly kv: MemoryKv;
  readonly gateways: TestGateway[];
  /** What stands between each gateway and the store. */
  readonly links: FaultyKv[];
}

async function world(count: number): Promise<World> {
  const clock = new TestClock();
  const kv = new MemoryKv(clock);
  const links: FaultyKv[] = [];
  const gateways: TestGateway[] = [];
  for (let i = 0; i < count; i++) {
    const link = new FaultyKv(kv);
    links.push(link);
    gateways.push(await testGateway({ clock, kv, seed: `gateway ${i}`, wrap: () => link }));
  }
  return { clock, kv, gateways, links };
}

describe('FLUSHALL with several gateways', () => {
  test('alone, a gateway flushes at once', async () => {
    const { gateways } = await world(1);
    const client = gateways[0]!.connect();
    expect(await client.send(['SET', 'k', 'v'], ['FLUSHALL'], ['DBSIZE'])).toBe(
      '+OK\r\n+OK\r\n:0\r\n',
    );
  });

  test('once it is answered, nobody sees or writes the old keys', async () => {
    const { gateways, clock } = await world(3);
    const [one, two, three] = gateways.map((gateway) => gateway.connect());
    await one!.line('SET k old');
    one!.write('FLUSHALL\r\n');
    await clock.run(1_500);
    expect(await one!.output()).toBe('+OK\r\n');
    expect(await two!.line('GET k')).toBe('$-1\r\n');
    await three!.line('SET k new');
    expect(await one!.line('GET k')).toBe('$3\r\nnew\r\n');
    expect(await two!.line('GET k')).toBe('$3\r\nnew\r\n');
  });

  test('a gateway that died is waited for no longer than its lease', async () => {
    const { gateways, links, clock } = await world(2);
    links[1]!.gate = new Promise(() => {});
    await clock.run(1_100);
    const client = gateways[0]!.connect();
    const begun = clock.mono();
    client.write('SET k v\r\nFLUSHALL\r\n');
    await clock.runUntil(
      (async () => {
        while (!client.connection.output.endsWith('+OK\r\n+OK\r\n')) {
          await new Promise<void>((resolve) => clock.after(10, resolve));
        }
      })(),
    );
    expect(clock.mono() - begun).toBeGreaterThan(3_000);
    expect(clock.mono() - begun).toBeLessThan(3_500);
  });

  test('a gateway that cannot renew its lease stops serving', async () => {
    const { gateways, links, clock } = await world(1);
    const client = gateways[0]!.connect();
    await client.line('SET k v');
    links[0]!.gate = new Promise(() => {});
    await clock.run(3_100);
    client.write('GET k\r\n');
    await clock.run(9_900);
    expect(client.connection.output).toBe('');
    await clock.run(100);
    expect(await client.output()).toMatch(/^-CLUSTERDOWN .*the epoch of the database is not known/);
  });

  test('a flush that was abandoned half-way ends by itself', async () => {
    const { gateways, links, clock } = await world(2);
    const [one, two] = gateways.map((gateway) => gateway.connect());
    await one!.line('SET k v');
    // The first gateway dies after it has closed the databases.
    const begin = links[0]!.begin.bind(links[0]);
    let calls = 0;
    links[0]!.begin = async () => {
      if (++calls > 1) return new Promise(() => {});
      return begin();
    };
    one!.write('FLUSHALL\r\n');
    await clock.run(1_100);
    two!.write('GET k\r\n');
    await clock.run(6_000);
    expect(two!.connection.output).toBe('');
    await clock.run(2_000);
    expect(await two!.output()).toBe('$1\r\nv\r\n');
  });

  test('a flush that fails opens the database again', async () => {
    const { gateways, links, clock } = await world(1);
    const client = gateways[0]!.connect();
    await client.line('SET k v');
    links[0]!.script.push('unavailable');
    const sent = await client.send(['MULTI'], ['SET', 'x', 'y'], ['FLUSHALL'], ['EXEC']);
    await clock.run(100);
    expect(sent + (await client.output())).toContain('-CLUSTERDOWN');
    expect(await client.line('GET k')).toBe('$1\r\nv\r\n');
  });

  test('a WATCH that aborts EXEC leaves the database as it is', async () => {
    const { gateways, clock } = await world(2);
    const [one, two] = gateways.map((gateway) => gateway.connect());
    await one!.send(['SET', 'k', 'v'], ['WATCH', 'k']);
    await two!.line('SET k w');
    one!.write('MULTI\r\nFLUSHALL\r\nEXEC\r\n');
    await clock.run(2_000);
    expect(await one!.output()).toBe('+OK\r\n+QUEUED\r\n*-1\r\n');
    expect(await one!.line('GET k')).toBe('$1\r\nw\r\n');
  });
});

interface Interval {
  readonly begun: number;
  answered: number;
}

test('at random: what was written before a flush is never read after it', async () => {
  const { gateways, clock, links } = await world(3);
  const rng = new Prng('flush');
  const clients = gateways.map((gateway) => gateway.connect());
  const sets = new Map<string, Interval>();
  const flushes: Interval[] = [];
  let reads = 0;
  const pending: ((reply: string) => void)[][] = clients.map(() => []);
  const buffers = clients.map(() => '');
  const act = (i: number, step: number): void => {
    const dice = rng.int(0, 16);
    const interval: Interval = { begun: clock.mono(), answered: Number.POSITIVE_INFINITY };
    if (dice === 0) {
      clients[i]!.write('FLUSHALL\r\n');
      pending[i]!.push((reply) => {
        if (reply !== '+OK') return;
        interval.answered = clock.mono();
        flushes.push(interval);
      });
    } else if (dice < 8) {
      const value = `${step}-${i}`;
      sets.set(value, interval);
      clients[i]!.write(`SET k ${value}\r\n`);
      pending[i]!.push((reply) => {
        if (reply === '+OK') interval.answered = clock.mono();
      });
    } else {
      clients[i]!.write('GETRANGE k 0 -1\r\n');
      pending[i]!.push((value) => {
        const set = sets.get(value);
        if (set === undefined) return;
        reads++;
        const between = flushes.filter(
          (flush) => flush.begun > set.answered && flush.answered < interval.begun,
        );
        expect(between).toEqual([]);
      });
    }
  };
  for (let step = 0; step < 1_200; step++) {
    for (const i of clients.keys()) if (pending[i]!.length < 4) act(i, step);
    if (rng.int(0, 60) === 0) {
      const link = links[rng.int(0, 3)]!;
      link.gate = new Promise((resolve) => clock.after(rng.int(100, 4_000), () => resolve()));
    }
    await clock.run(rng.int(0, 60));
    for (const [i, client] of clients.entries()) {
      buffers[i] = takeReplies(buffers[i] + client.connection.output, (reply) =>
        pending[i]!.shift()!(reply),
      );
      client.connection.output = '';
    }
  }
  expect(flushes.length).toBeGreaterThan(15);
  expect(reads).toBeGreaterThan(100);
});

/** Calls back for each whole reply: the text of a status or of a bulk. Returns what is left. */
function takeReplies(text: string, onReply: (reply: string) => void): string {
  let rest = text;
  for (;;) {
    const line = /^([+$-])([^\r]*)\r\n/.exec(rest);
    if (line === null) return rest;
    if (line[1] !== '$') {
      onReply(line[1]! + line[2]!);
      rest = rest.slice(line[0].length);
      continue;
    }
    const end = line[0].length + Number(line[2]);
    if (rest.length < end + 2) return rest;
    onReply(rest.slice(line[0].length, end));
    rest = rest.slice(end + 2);
  }
}
