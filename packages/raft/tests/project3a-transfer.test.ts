import { describe, expect, it } from 'vitest';
import { Network, SyncNode } from './harness.js';

// The tests of the TinyKV course under their names: leader transfer.

function electedNetwork(): Network {
  const network = Network.of(3);
  network.campaign(1);
  expect(network.raw(1)).toMatchObject({ state: 'StateLeader', lead: 1 });
  return network;
}

/** All reachable nodes agree on who leads, and no transfer is left over. */
function expectLeader(network: Network, id: number, among: readonly number[] = [1, 2, 3]): void {
  for (const at of among) {
    const state = at === id ? 'StateLeader' : 'StateFollower';
    expect(network.raw(at), `node ${at}`).toMatchObject({ state, lead: id, leadTransferee: 0 });
  }
}

describe('project 3A: leader transfer', () => {
  it('TestLeaderTransferToUpToDateNode3A', () => {
    const network = electedNetwork();
    network.transfer(1, 2);
    expectLeader(network, 2);
    network.propose(2);
    network.transfer(2, 1);
    expectLeader(network, 1);
  });

  it('TestLeaderTransferToUpToDateNodeFromFollower3A', () => {
    const network = electedNetwork();
    // A follower passes the request on to the leader.
    network.transfer(2, 2);
    expectLeader(network, 2);
    network.propose(2);
    network.transfer(1, 1);
    expectLeader(network, 1);
  });

  it('TestLeaderTransferToSlowFollower3A', () => {
    const network = electedNetwork();
    network.isolate(3);
    network.propose(1, 'missed');
    network.recover();
    expect(network.raw(1).progressOf(3)?.match).toBe(1);
    network.transfer(1, 3);
    expectLeader(network, 3);
    expect(network.node(3).log).toEqual(['1/1', '1/2 missed', '2/3']);
  });

  it('TestLeaderTransferAfterSnapshot3A', () => {
    const network = electedNetwork();
    network.isolate(3);
    network.propose(1, 'missed');
    network.node(1).compact();
    network.recover();
    expect(network.raw(1).progressOf(3)?.match).toBe(1);
    network.transfer(1, 3);
    expectLeader(network, 3);
    expect(network.node(3).storage.snapshot()?.metadata.index).toBe(2);
    expect(network.node(3).log).toEqual(['2/3']);
  });

  it('TestLeaderTransferToSelf3A', () => {
    const network = electedNetwork();
    network.transfer(1, 1);
    expectLeader(network, 1);
    expect(network.raw(1).term).toBe(1);
  });

  it('TestLeaderTransferToNonExistingNode3A', () => {
    const network = electedNetwork();
    network.transfer(1, 4);
    expectLeader(network, 1);
    expect(network.propose(1).ok).toBe(true);
  });

  it('TestLeaderTransferReceiveHigherTermVote3A', () => {
    const network = electedNetwork();
    network.isolate(3);
    network.transfer(1, 3);
    // While it is under way, proposals are refused: the target could never catch up.
    expect(network.raw(1).leadTransferee).toBe(3);
    expect(network.propose(1)).toMatchObject({ error: { code: 'proposal-dropped' } });
    network.campaign(2);
    expectLeader(network, 2, [1, 2]);
  });

  it('TestLeaderTransferRemoveNode3A', () => {
    const network = electedNetwork();
    network.node(1).removeMember(3);
    network.transfer(1, 3);
    expect(network.raw(1)).toMatchObject({ state: 'StateLeader', leadTransferee: 0 });

    // The same when the target is removed while the transfer is under way.
    const other = electedNetwork();
    other.ignore('MsgTimeoutNow');
    other.transfer(1, 3);
    expect(other.raw(1).leadTransferee).toBe(3);
    other.node(1).removeMember(3);
    expect(other.raw(1)).toMatchObject({ state: 'StateLeader', leadTransferee: 0 });
  });

  it('TestLeaderTransferBack3A', () => {
    const network = electedNetwork();
    network.isolate(3);
    network.transfer(1, 3);
    expect(network.raw(1).leadTransferee).toBe(3);
    network.transfer(1, 1);
    expectLeader(network, 1, [1, 2]);
    expect(network.propose(1).ok).toBe(true);
  });

  it('TestLeaderTransferSecondTransferToAnotherNode3A', () => {
    const network = electedNetwork();
    network.isolate(3);
    network.transfer(1, 3);
    expect(network.raw(1).leadTransferee).toBe(3);
    network.transfer(1, 2);
    expectLeader(network, 2, [1, 2]);
  });

  it('TestTransferNonMember3A', () => {
    const node = new SyncNode({ voters: [2, 3, 4] });
    node.step({ type: 'MsgTimeoutNow', from: 2, term: 0 });
    node.step({ type: 'MsgVoteResp', from: 2, term: 0 });
    node.step({ type: 'MsgVoteResp', from: 3, term: 0 });
    expect(node.raw).toMatchObject({ state: 'StateFollower', term: 0 });
    expect(node.sent()).toEqual([]);
  });
});
