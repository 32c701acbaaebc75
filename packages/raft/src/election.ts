import type { PeerId } from '@tinykv/base';
import { assert, EMPTY_BYTES, equalBytes, NO_PEER, utf8 } from '@tinykv/base';
import type { Raft } from './raft.js';
import { appendEntries, broadcastAppend } from './replication.js';
import type { Entry, Message, MessageType } from './types.js';

/** What a vote request of a leader transfer carries: it overrides leases, for the leader itself asked. */
export const CAMPAIGN_TRANSFER_CONTEXT: Uint8Array = utf8('CampaignTransfer');

export type CampaignType = 'pre-election' | 'election' | 'transfer';

const EMPTY_ENTRY: Entry = { term: 0, index: 0, type: 'EntryNormal', data: EMPTY_BYTES };

/** Starts an election unless this node leads already or must not lead. */
export function hup(r: Raft, type: CampaignType): void {
  if (r.state === 'StateLeader' || !r.promotable() || mayHaveUnappliedConfChange(r)) return;
  campaign(r, type);
}

/**
 * A node that has yet to apply a committed configuration change would count votes by the old one.
 * Entries that the storage has still to load may be one: the next time-out asks again.
 */
function mayHaveUnappliedConfChange(r: Raft): boolean {
  const { applied, committed } = r.log;
  const pageBytes = r.config.maxCommittedBytesPerReady;
  const changes: Entry[] = [];
  const problem = r.log.scan(applied + 1, committed + 1, pageBytes, (entries) => {
    const change = entries.find((entry) => entry.type !== 'EntryNormal');
    if (change !== undefined) changes.push(change);
    return change === undefined;
  });
  assert(
    problem === undefined || problem === 'loading',
    () => `entries in (${applied}, ${committed}] are ${problem}`,
  );
  return changes.length > 0 || problem === 'loading';
}

/** The caller has checked that this node may campaign. */
function campaign(r: Raft, type: CampaignType): void {
  const isPreVote = type === 'pre-election';
  if (isPreVote) r.becomePreCandidate();
  else r.becomeCandidate();
  const term = isPreVote ? r.term + 1 : r.term;
  const request = isPreVote ? 'MsgPreVote' : 'MsgVote';
  const last = r.log.lastEntryID();
  for (const id of r.tracker.voterNodes()) {
    if (id === r.id) {
      // The own vote counts like any other: once it is durable.
      r.send({ type: voteResponseType(request), to: id, term });
      continue;
    }
    const context = type === 'transfer' ? CAMPAIGN_TRANSFER_CONTEXT : EMPTY_BYTES;
    r.send({ type: request, to: id, term, index: last.index, logTerm: last.term, context });
  }
}

/** Opens the term with an empty entry: entries of earlier terms commit only with one of the own (§5.4.2). */
function takeLead(r: Raft): void {
  r.becomeLeader();
  assert(appendEntries(r, [EMPTY_ENTRY]), 'the empty entry of a new term was dropped');
  broadcastAppend(r);
}

/** Whether a vote request is to be ignored, without a change of term: this node hears of a leader. */
export function inLease(r: Raft, m: Message): boolean {
  return (
    r.config.checkQuorum &&
    r.lead !== NO_PEER &&
    r.electionElapsed < r.config.electionTicks &&
    !equalBytes(m.context, CAMPAIGN_TRANSFER_CONTEXT)
  );
}

/**
 * Learners vote too: one that is asked has been promoted and does not know it yet, and without its
 * vote a group might be stuck.
 */
export function handleVoteRequest(r: Raft, m: Message): void {
  const canVote =
    r.vote === m.from ||
    (r.vote === NO_PEER && r.lead === NO_PEER) ||
    (m.type === 'MsgPreVote' && m.term > r.term);
  const type = voteResponseType(m.type);
  if (!canVote || !r.log.isUpToDate(m.index, m.logTerm)) {
    r.send({ type, to: m.from, term: r.term, reject: true });
    return;
  }
  // A grant carries the term asked for, not the own: a pre-candidate drops answers of other terms.
  r.send({ type, to: m.from, term: m.term });
  if (m.type === 'MsgVote') {
    r.electionElapsed = 0;
    r.vote = m.from;
  }
}

function voteResponseType(request: MessageType): 'MsgVoteResp' | 'MsgPreVoteResp' {
  return request === 'MsgVote' ? 'MsgVoteResp' : 'MsgPreVoteResp';
}

/** A vote of a member on this node's candidacy. */
export function handleVoteResponse(r: Raft, from: PeerId, granted: boolean): void {
  r.tracker.recordVote(from, granted);
  const { result } = r.tracker.tallyVotes();
  if (result === 'VoteLost') {
    // A rejected pre-vote may carry another term than this node's; its own stays.
    r.becomeFollower(r.term, NO_PEER);
  } else if (result === 'VoteWon') {
    if (r.state === 'StatePreCandidate') campaign(r, 'election');
    else takeLead(r);
  }
}
