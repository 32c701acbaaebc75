import { utf8 } from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import {
  type ConfChange,
  type ConfState,
  decodeConfChange,
  type Entry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  makeMessage,
} from '@tinykv/raft';
import { Group } from '../src/group.js';
import { emptyGroupState } from '../src/group-storage.js';
import { Outbox } from '../src/outbox.js';

export const TICK_MS = 100;
export const ELECTION_MS = 1_000;
/** The data of an entry that voids the lease, as a split does. */
export const SPLIT: Uint8Array = utf8('split');

export function confState(parts: Partial<ConfState>): ConfState {
  return {
    voters: [],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
    ...parts,
  };
}

type Init = Omit<Parameters<typeof makeMessage>[0], 'to'>;

export interface DrivenOptions {
  readonly voters?: readonly number[];
  readonly recovered?: boolean;
  readonly promisedUntil?: number;
  readonly commitHoldMs?: number;
}

/** Peer 1 of a group, whose disk and state machine do their work when a test says so. Term 5, log up to 5/5. */
export class DrivenGroup {
  readonly env: FakeEnv = fakeEnv();
  readonly group: Group;
  /** Messages to other peers. */
  readonly sent: Message[] = [];
  readonly #outbox: Outbox;
  readonly #appends: Message[] = [];
  readonly #applies: Message[] = [];

  constructor(options: DrivenOptions = {}) {
    const { voters = [1, 2, 3], recovered = false, promisedUntil, commitHoldMs = 0 } = options;
    this.#outbox = new Outbox({
      clock: this.env.clock,
      holdMs: commitHoldMs,
      send: (messages) => {
        for (const { message } of messages) this.sent.push(message);
      },
    });
    const owner = {
      env: this.env,
      config: {
        tickMs: TICK_MS,
        electionTicks: ELECTION_MS / TICK_MS,
        heartbeatTicks: 2,
        barrierIntervalMs: 1_000,
        barrierBytes: 1_000_000,
        logGcIntervalMs: 1_000,
        logGcEntries: 100,
      },
      touch: () => undefined,
      makeSnapshot: () => undefined,
      voidsLease: (entry: Entry) => entry.data.length === SPLIT.length,
      isFenced: (entry: Entry) =>
        entry.type !== 'EntryNormal' || entry.data.length === SPLIT.length,
      damaged: () => undefined,
      readOnly: () => undefined,
    };
    const state = emptyGroupState({ term: 5, vote: 0, commit: 5 }, { index: 5, term: 5 });
    this.group = new Group(owner, {
      id: 9,
      peerId: 1,
      state,
      confState: confState({ voters }),
      recovered,
      ...(promisedUntil === undefined ? {} : { promisedUntil }),
    });
  }

  get term(): number {
    return this.group.node.term;
  }

  receive(message: Init): void {
    this.group.receive(makeMessage({ ...message, to: 1 }));
    this.turn();
  }

  /** A turn of the loop. */
  turn(): void {
    const { group } = this;
    group.stepInbox();
    group.updateRole();
    group.askReadIndex();
    while (group.node.hasReady()) {
      const ready = group.node.ready();
      for (const state of ready.readStates) group.reads.onReadState(state, group.applied);
      for (const message of ready.messages) this.#dispatch(message);
    }
    group.updateRole();
    this.#outbox.flush();
  }

  #dispatch(message: Message): void {
    if (message.to === LOCAL_APPEND_THREAD) {
      this.group.onAppending(message);
      this.#appends.push(message);
    } else if (message.to === LOCAL_APPLY_THREAD) this.#applies.push(message);
    else if (message.to === 1) this.group.node.step(message);
    else this.#outbox.add(this.group, message);
  }

  /** The disk ends what it has to do. */
  persist(): void {
    for (let message = this.#appends.shift(); message; message = this.#appends.shift()) {
      this.group.storage.append(message.entries);
      const { term, vote, commit } = message;
      if (term > 0) this.group.storage.setHardState({ term, vote, commit });
      for (const response of message.responses) this.#dispatch(response);
      this.turn();
    }
  }

  /** The state machine applies what is committed and durable. */
  apply(): void {
    for (let message = this.#applies.shift(); message; message = this.#applies.shift()) {
      for (const { index, term, type, data } of message.entries) {
        if (type !== 'EntryNormal') this.group.applyConfChange(decodeConfChange(data));
        this.group.onApplied(index, term);
      }
      for (const response of message.responses) this.#dispatch(response);
      this.turn();
    }
  }

  /** It stands for election and gets the vote of peer 2; an entry of its own term is applied. */
  lead(): void {
    this.group.node.campaign();
    this.turn();
    this.persist();
    if (!this.group.isLeader) {
      this.receive({ type: 'MsgPreVoteResp', from: 2, term: this.term + 1 });
      this.persist();
      this.receive({ type: 'MsgVoteResp', from: 2, term: this.term });
    }
    this.persist();
    this.acknowledge(2);
    this.persist();
    this.apply();
  }

  propose(data: Uint8Array): number {
    this.group.node.propose(data);
    this.turn();
    return this.group.node.lastIndex;
  }

  proposeChange(change: ConfChange): number {
    this.group.node.proposeConfChange(change);
    this.turn();
    return this.group.node.lastIndex;
  }

  /** A peer has the whole log. */
  acknowledge(from: number): void {
    const index = this.group.node.lastIndex;
    this.receive({ type: 'MsgAppResp', from, term: this.term, index });
  }

  /** A round of heartbeats, acknowledged by these peers. */
  heartbeat(...from: number[]): void {
    this.sent.length = 0;
    while (!this.sent.some(({ type }) => type === 'MsgHeartbeat')) {
      this.group.tick();
      this.turn();
    }
    const beats = this.sent.filter(({ type }) => type === 'MsgHeartbeat');
    for (const { to, term, context } of beats) {
      if (from.includes(to)) this.receive({ type: 'MsgHeartbeatResp', from: to, term, context });
    }
  }

  /** Asks peer 1 for its vote and says whether it was given, once it is durable. */
  grants(message: Init): boolean {
    this.sent.length = 0;
    this.receive(message);
    this.persist();
    return this.sent.some(
      ({ type, to, reject }) => /Vote/.test(type) && to === message.from && !reject,
    );
  }
}

export function change(...changes: ConfChange['changes']): ConfChange {
  return { transition: 'ConfChangeTransitionAuto', changes, context: new Uint8Array(0) };
}
