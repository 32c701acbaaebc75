import { errorMessage, fromUtf8, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
import { Scenario } from './scenario.js';

const LOST = 'outcome unknown: leadership was lost before the entry was committed';

/** What a request to one store ended with, and when it was known. */
interface Answer {
  readonly name: string;
  readonly text: string;
  readonly afterMs: number;
}

class Requests {
  readonly answers: Answer[] = [];
  readonly #s: Scenario;

  constructor(s: Scenario) {
    this.#s = s;
  }

  put(node: StoreNode, key: string, value = 'v'): void {
    const sentAt = this.#s.world.now;
    const done = (text: string): void => {
      this.answers.push({ name: key, text, afterMs: this.#s.world.now - sentAt });
    };
    this.#s.putAt(node, key, value).then(done, (error: unknown) => done(errorMessage(error)));
  }

  texts(): string[] {
    return this.answers.map(({ text }) => text);
  }
}

/** Cuts the leader off with eight proposals in its log that nobody else has. */
async function isolateWithProposals(s: Scenario): Promise<{ node: StoreNode; lost: Requests }> {
  const { node } = s.leader();
  expect(await s.wait(s.putAt(node, 'x', '0'))).toBe('ok');
  await s.run(1_500);
  for (const other of s.others(node)) {
    s.cut(other, node);
    s.cut(node, other);
  }
  const before = s.peer(node).lastIndex;
  const lost = new Requests(s);
  for (let i = 0; i < 8; i++) {
    lost.put(node, `lost${i}`);
    await s.run(2);
  }
  expect(s.peer(node).lastIndex).toBe(before + 8);
  return { node, lost };
}

async function anotherLeads(s: Scenario, node: StoreNode): Promise<StoreNode> {
  await s.until('another leads', () => (s.findLeader()?.node ?? node) !== node);
  return s.leader().node;
}

/** Lets the others elect a leader, heals the network, and gives the lead back. */
async function leadAgain(s: Scenario, node: StoreNode): Promise<void> {
  await anotherLeads(s, node);
  await s.run(1_500);
  s.cluster.network.healAll();
  await s.run(1_000);
  for (let i = 0; i < 20 && s.leader().node !== node; i++) {
    s.leader().node.store!.transferLeaders();
    await s.run(700);
  }
  expect(s.leader().node).toBe(node);
}

describe('waiters_of_a_former_leader', () => {
  it('an isolated leader says that the outcome is unknown as soon as it is one no more', async () => {
    const s = await Scenario.start('isolated leader');
    const { node, lost } = await isolateWithProposals(s);
    await s.until('it steps down', () => s.peer(node).role !== 'StateLeader');
    await s.run(50);
    expect(lost.texts()).toEqual(Array(8).fill(LOST));
    await leadAgain(s, node);
    expect(lost.answers).toHaveLength(8);
  });

  it('puts to a leader that leads again are answered as what they are, without waiting', async () => {
    const s = await Scenario.start('leads again');
    const { node } = await isolateWithProposals(s);
    await leadAgain(s, node);
    const later = new Requests(s);
    for (let i = 0; i < 8; i++) {
      later.put(node, `new${i}`);
      await s.run(100);
      expect(await s.wait(s.getAt(node, `new${i}`))).toBe('v');
    }
    expect(later.texts()).toEqual(Array(8).fill('ok'));
    expect(Math.max(...later.answers.map(({ afterMs }) => afterMs))).toBeLessThan(100);
  });

  it('a put of a client takes effect once', async () => {
    const s = await Scenario.start('put once');
    const { node } = await isolateWithProposals(s);
    await leadAgain(s, node);
    const { raw } = s.cluster.clients[0]!.client!;
    const key = utf8('x');
    const seen: string[] = [];
    const see = async (): Promise<void> => {
      seen.push(fromUtf8((await s.wait(raw.get(key)))!));
    };
    // The client knows the leader: its first attempt arrives.
    await s.wait(raw.get(key));
    const put = raw.put(key, utf8('A'));
    await s.run(50);
    await see();
    const others = new Requests(s);
    others.put(node, 'x', 'B');
    for (let i = 0; i < 8; i++) {
      await s.run(100);
      await see();
      others.put(node, `more${i}`);
    }
    await s.wait(put);
    await see();
    expect(seen.join('')).toMatch(/^A+B+$/);
    expect(new Set(others.texts())).toEqual(new Set(['ok']));
  });

  it('a leader that hands over knows the outcome of what is committed and not yet applied', async () => {
    const s = await Scenario.start('hands over');
    const { node } = s.leader();
    await s.run(1_500);
    node.machine.disk.traits.stalledUntil = s.world.now + 3_000;
    const before = s.peer(node).committed;
    const requests = new Requests(s);
    for (let i = 0; i < 8; i++) {
      requests.put(node, `key${i}`);
      await s.run(2);
    }
    // The two others have them, this one neither on disk nor applied.
    await s.until('all are committed', () => s.peer(node).committed === before + 8);
    expect(s.peer(node).applied).toBe(before);
    await s.untilLeads(s.transferLeader());
    await s.until('it knows', () => s.peer(node).role === 'StateFollower');
    await s.run(100);
    expect(requests.texts()).toEqual([]);
    await s.run(3_000);
    expect(requests.texts()).toEqual(Array(8).fill('ok'));
  });

  it.each([1, 2, 3])('refuses only what never takes effect, seed %i', async (seed) => {
    const s = await Scenario.start(`leaders in turn ${seed}`);
    await s.run(1_500);
    const requests = new Requests(s);
    let sent = 0;
    const load = async (node: StoreNode, count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        requests.put(node, `key${sent++}`);
        await s.run(0.3);
      }
    };
    for (let round = 0; round < 4; round++) {
      const { node } = s.leader();
      await load(node, 20);
      s.transferLeader();
      await load(node, 20);
      const heir = await anotherLeads(s, node);
      await s.run(1_200);
      for (const other of s.others(heir)) s.cut(heir, other);
      await load(heir, 10);
      await anotherLeads(s, heir);
      s.cluster.network.healAll();
      await s.run(1_200);
    }
    await s.run(5_000);
    expect(requests.answers).toHaveLength(sent);
    expect(new Set(requests.texts())).toEqual(new Set(['ok', 'refused', LOST]));
    const { node } = s.leader();
    for (const { name, text } of requests.answers) {
      const value = await s.wait(s.getAt(node, name));
      if (text !== LOST) expect(value, `${name} ${text}`).toBe(text === 'ok' ? 'v' : '');
    }
  });
});
