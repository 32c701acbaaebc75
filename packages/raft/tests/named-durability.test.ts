import { assert, Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { type Entry, type Message, makeMessage } from '../src/index.js';
import { Cluster, type ClusterNode } from './cluster.js';
import { describeLog, entriesOf, entry, SyncNode } from './harness.js';

/** A node with a slow disk; the other two are played by the test. */
function slowNode(): { readonly cluster: Cluster; readonly node: ClusterNode } {
  const cluster = new Cluster(3, new Prng('durability'));
  return { cluster, node: cluster.node(2) };
}

function stepAndHandle(cluster: Cluster, node: ClusterNode, message: Message): void {
  assert(node.raw.step(message).ok, `${message.type} was refused`);
  cluster.handleReady(node);
}

function append(from: number, term: number, entries: readonly Entry[], commit = 1): Message {
  const index = entries[0]!.index - 1;
  return makeMessage({ type: 'MsgApp', from, to: 2, term, index, logTerm: 1, entries, commit });
}

function stored(node: ClusterNode): string[] {
  const entries = node.storage.entries(2, node.storage.lastIndex() + 1, Infinity);
  assert(typeof entries !== 'string', 'the log is in memory');
  return describeLog(entries);
}

describe('durability', () => {
  it('append_ack_aba_async_persist', () => {
    const { cluster, node } = slowNode();
    stepAndHandle(cluster, node, append(1, 1, entriesOf([1, 1, 1], 2)));
    cluster.writeOne(node);
    cluster.network = [];

    // Index 5 is written by the leader of term 2, overwritten by that of term 3, and, as node 1 leads
    // once more in term 4, overwritten back; it is committed with the first entry of term 4.
    stepAndHandle(cluster, node, append(1, 2, [entry(2, 5)]));
    stepAndHandle(cluster, node, append(3, 3, [entry(3, 5)]));
    stepAndHandle(cluster, node, append(1, 4, [entry(2, 5), entry(4, 6)], 6));
    expect(node.appendWork).toHaveLength(3);
    expect(node.raw.committed).toBe(6);

    // The first write is done, and says 5/2, which is what the log has again. But the second write is
    // still to come: the entry is not durable, and must not be acknowledged or applied.
    cluster.writeOne(node);
    expect(stored(node)).toEqual(['1/2', '1/3', '1/4', '2/5']);
    cluster.handleReady(node);
    const appliable = (): string[] =>
      node.applyWork.flatMap((work) => describeLog(work.entries)).filter((id) => id >= '2');
    expect(appliable()).toEqual([]);
    cluster.writeOne(node);
    expect(stored(node).at(-1)).toBe('3/5');
    cluster.handleReady(node);
    expect(appliable()).toEqual([]);
    // Whoever got an answer got it of a term that is over.
    expect(cluster.network.every((m) => m.term < 4)).toBe(true);

    cluster.writeOne(node);
    cluster.handleReady(node);
    expect(appliable()).toEqual(['2/5', '4/6']);
    expect(cluster.network.at(-1)).toMatchObject({ type: 'MsgAppResp', term: 4, index: 6 });
  });

  it('append_ack_aba_async_persist: a crash after the second write loses nothing acknowledged', () => {
    const { cluster, node } = slowNode();
    stepAndHandle(cluster, node, append(1, 1, entriesOf([1, 1, 1], 2)));
    stepAndHandle(cluster, node, append(1, 2, [entry(2, 5)]));
    stepAndHandle(cluster, node, append(3, 3, [entry(3, 5)]));
    stepAndHandle(cluster, node, append(1, 4, [entry(2, 5), entry(4, 6)], 6));
    for (let i = 0; i < 3; i++) cluster.writeOne(node);
    node.restart();
    expect(stored(node).at(-1)).toBe('3/5');
    expect(node.raw).toMatchObject({ term: 3, lastIndex: 5 });
    const acknowledged = cluster.network.filter((m) => m.type === 'MsgAppResp' && m.term === 4);
    expect(acknowledged).toEqual([]);
  });

  const vote = (from: number, term: number): Message =>
    makeMessage({ type: 'MsgVote', from, to: 2, term, index: 1, logTerm: 1 });

  it('vote_and_term_durable_before_send', () => {
    // The answer waits with the write that it depends on.
    const { cluster, node } = slowNode();
    stepAndHandle(cluster, node, vote(1, 1));
    expect(node.raw).toMatchObject({ vote: 1, term: 1 });
    expect(cluster.network).toEqual([]);
    const [write] = node.appendWork;
    expect(write).toMatchObject({ term: 1, vote: 1 });
    expect(write?.responses.map((m) => `${m.type} to ${m.to}`)).toEqual(['MsgVoteResp to 1']);

    // A crash before the write: the vote was never given, so it may go to another.
    node.restart();
    expect(node.raw).toMatchObject({ vote: 0, term: 0 });
    stepAndHandle(cluster, node, vote(3, 1));
    cluster.writeOne(node);
    expect(cluster.network).toMatchObject([{ type: 'MsgVoteResp', to: 3, term: 1, reject: false }]);

    // A crash after it: there is no second vote in the term.
    cluster.network = [];
    node.restart();
    expect(node.raw).toMatchObject({ vote: 3, term: 1 });
    stepAndHandle(cluster, node, vote(1, 1));
    cluster.writeOne(node);
    expect(cluster.network).toMatchObject([{ type: 'MsgVoteResp', to: 1, term: 1, reject: true }]);
  });

  it('vote_and_term_durable_before_send: entries', () => {
    const { cluster, node } = slowNode();
    stepAndHandle(cluster, node, append(1, 1, entriesOf([1], 2)));
    expect(cluster.network).toEqual([]);
    // A rejection rests on a log that is not durable either.
    const gap = makeMessage({ type: 'MsgApp', from: 1, to: 2, term: 1, index: 7, logTerm: 1 });
    stepAndHandle(cluster, node, gap);
    expect(cluster.network).toEqual([]);
    const answers = node.appendWork.map((work) => work.responses.map((m) => [m.type, m.reject]));
    expect(answers.map((list) => list.filter(([type]) => type === 'MsgAppResp'))).toEqual([
      [['MsgAppResp', false]],
      [['MsgAppResp', true]],
    ]);
    node.restart();
    expect(node.raw).toMatchObject({ lastIndex: 1, term: 0 });

    // Own votes and own entries count as late as those of others.
    const alone = new Cluster(1, new Prng('alone'));
    const [only] = alone.nodes;
    only!.raw.campaign();
    alone.handleReady(only!);
    expect(only!.raw.state).toBe('StateCandidate');
    alone.writeOne(only!);
    expect(only!.raw.state).toBe('StateLeader');
    alone.handleReady(only!);
    expect(only!.raw.committed).toBe(1);
    alone.writeOne(only!);
    expect(only!.raw.committed).toBe(2);
  });

  it('follower_lost_synced_log: a commit beyond its log stops it, and is not answered', () => {
    const node = new SyncNode({ id: 2, terms: [1, 1, 1], hardState: { commit: 3 } });
    node.step({ type: 'MsgHeartbeat', from: 1, term: 1, commit: 3 });
    node.work();
    expect(node.outbox.map(({ type }) => type)).toEqual(['MsgHeartbeatResp']);
    const beyond = makeMessage({ type: 'MsgHeartbeat', from: 1, to: 2, term: 1, commit: 5 });
    expect(node.raw.step(beyond)).toMatchObject({ ok: false, error: { code: 'log-tail-lost' } });
    expect([node.raw.committed, node.raw.lastIndex]).toEqual([3, 3]);
    node.work();
    expect(node.outbox).toHaveLength(1);
  });
});
