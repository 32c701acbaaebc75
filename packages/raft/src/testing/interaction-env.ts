import { assert, type PeerId } from '@tinykv/base';
import { describeEntries, describeMessage, describeReady } from '../describe.js';
import { isLocalTarget, makeMessage } from '../message.js';
import type { Message, MessageType } from '../types.js';
import type { InteractionNode } from './interaction-node.js';
import { InteractionOutput } from './interaction-output.js';

export interface Recipient {
  readonly id: PeerId;
  readonly drop: boolean;
}

/** Nodes over a scripted network: messages wait in one list until they are delivered. */
export class InteractionEnv {
  readonly output: InteractionOutput = new InteractionOutput();
  readonly nodes: InteractionNode[] = [];
  #messages: Message[] = [];

  node(id: PeerId): InteractionNode {
    const node = this.nodes[id - 1];
    assert(node !== undefined, () => `no node ${id}`);
    return node;
  }

  /** Runs `work` on each node: under a header when there are several, else bare. */
  eachNode(ids: readonly PeerId[], what: string, work: (node: InteractionNode) => void): void {
    for (const id of ids) {
      const node = this.node(id);
      if (ids.length > 1) {
        this.output.write(`> ${id} ${what}`);
        this.output.indented(() => work(node));
      } else {
        work(node);
      }
    }
  }

  processReady(node: InteractionNode): void {
    const ready = node.raw.ready();
    this.output.write(describeReady(ready));
    const async = node.config.asyncStorageWrites;
    if (!async) {
      node.persist(ready.hardState, ready.entries, ready.snapshot);
      node.apply(ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (message.type === 'MsgStorageAppend') node.appendWork.push(message);
      else if (message.type === 'MsgStorageApply') node.applyWork.push(message);
      else this.#messages.push(message);
    }
    if (!async) node.raw.advance();
  }

  processAppendThread(node: InteractionNode): void {
    const work = node.appendWork.shift();
    if (work === undefined) {
      this.output.write('no append work to perform');
      return;
    }
    this.#processing(work);
    const hardState = { term: work.term, vote: work.vote, commit: work.commit };
    node.persist(hardState, work.entries, work.snapshot);
    this.#respond(work);
  }

  processApplyThread(node: InteractionNode): void {
    const work = node.applyWork.shift();
    if (work === undefined) {
      this.output.write('no apply work to perform');
      return;
    }
    this.#processing(work);
    node.apply(work.entries);
    this.#respond(work);
  }

  #processing(work: Message): void {
    this.output.write('Processing:');
    this.output.write(describeMessage({ ...work, responses: [] }));
  }

  #respond(work: Message): void {
    this.output.write('Responses:');
    for (const response of work.responses) {
      this.output.write(describeMessage(response));
      this.#messages.push(response);
    }
  }

  /** Delivers or drops, recipient by recipient, what waits for them; answers how many messages. */
  deliver(recipients: readonly Recipient[], type?: MessageType): number {
    let count = 0;
    for (const recipient of recipients) {
      const chosen = this.#takeMessages(recipient, type);
      count += chosen.length;
      for (const message of chosen) {
        const text = describeMessage(message);
        if (recipient.drop) {
          this.output.write(`dropped: ${text}`);
          continue;
        }
        this.output.write(text);
        const result = this.node(recipient.id).raw.step(message);
        if (!result.ok) this.output.write(result.error.message);
      }
    }
    return count;
  }

  #takeMessages(recipient: Recipient, type: MessageType | undefined): Message[] {
    const isChosen = (m: Message): boolean => this.#isFor(recipient, type, m);
    const chosen = this.#messages.filter(isChosen);
    this.#messages = this.#messages.filter((m) => !isChosen(m));
    return chosen;
  }

  /** What a node sends to itself or to its storage is never lost; a node that does not exist gets nothing. */
  #isFor(recipient: Recipient, type: MessageType | undefined, m: Message): boolean {
    if (m.to !== recipient.id || (type !== undefined && m.type !== type)) return false;
    if (!recipient.drop) return this.nodes[recipient.id - 1] !== undefined;
    return m.from !== m.to && !isLocalTarget(m.from) && !isLocalTarget(m.to);
  }

  /** Runs readies, deliveries and storage work of these nodes in rounds until nothing is left. */
  stabilize(nodes: readonly InteractionNode[]): void {
    for (let done = false; !done; ) {
      done = true;
      const stage = (node: InteractionNode, what: string, work: () => void): void => {
        done = false;
        this.output.write(`> ${node.id} ${what}`);
        this.output.indented(work);
      };
      for (const node of nodes) {
        if (node.raw.hasReady()) stage(node, 'handling Ready', () => this.processReady(node));
      }
      for (const node of nodes) {
        const recipient = { id: node.id, drop: false };
        if (this.#messages.some((m) => m.to === node.id)) {
          stage(node, 'receiving messages', () => this.deliver([recipient]));
        }
      }
      for (const node of nodes) {
        if (node.appendWork.length === 0) continue;
        stage(node, 'processing append thread', () => {
          while (node.appendWork.length > 0) this.processAppendThread(node);
        });
      }
      for (const node of nodes) {
        if (node.applyWork.length === 0) continue;
        stage(node, 'processing apply thread', () => {
          while (node.applyWork.length > 0) this.processApplyThread(node);
        });
      }
    }
  }

  printLog(node: InteractionNode): void {
    const { storage } = node;
    const first = storage.firstIndex();
    const last = storage.lastIndex();
    if (last < first) {
      this.output.write(`log is empty: first index=${first}, last index=${last}`);
      return;
    }
    const entries = storage.entries(first, last + 1, Number.MAX_SAFE_INTEGER);
    assert(typeof entries !== 'string', () => `the whole log is ${entries}`);
    this.output.write(describeEntries(entries));
  }

  printStates(): void {
    for (const { raw } of this.nodes) {
      const { softState, hardState, confState } = raw.status();
      const voters = [...confState.voters, ...confState.votersOutgoing];
      const voter = voters.includes(raw.id) ? 'Voter' : 'Non-Voter';
      const { lead, raftState } = softState;
      this.output.write(`${raw.id}: ${raftState} (${voter}) Term:${hardState.term} Lead:${lead}`);
    }
  }

  sendSnapshot(from: InteractionNode, to: PeerId): void {
    const message = makeMessage({
      type: 'MsgSnap',
      to,
      from: from.id,
      term: from.raw.term,
      snapshot: from.newestSnapshot,
    });
    this.#messages.push(message);
    this.output.write(describeMessage(message));
  }
}
