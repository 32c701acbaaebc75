import { ByteReader, composeTimestamp } from '@tinykv/base';
import { applyStateKey } from '@tinykv/model';
import { schedulerpb, tinykvpeer } from '@tinykv/proto';
import type { GroupUpdate, RecoveredGroup } from '@tinykv/raft';
import { decodeApplyState, type Envelope, readEnvelope } from '@tinykv/raftstore';
import { decodeCommand } from '@tinykv/scheduler';
import { DurablePromises, type RaftPromise } from '../checkers/durable-promises.js';
import { GrantedTimestamps } from '../checkers/granted-timestamps.js';
import type { LogChange } from '../checkers/replica-log.js';
import type { Cluster } from '../cluster/cluster.js';
import type { StoreNode } from '../cluster/store-node.js';
import { SimEngine } from '../world/sim-engine.js';

/** Bytes of a Raft message that has neither entries nor a snapshot: those that make promises are short. */
const SHORT_BYTES = 160;

/** Tells what processes of a cluster send, and what their disks hold by then. */
export class PromiseWatch {
  readonly promises: DurablePromises = new DurablePromises();
  readonly granted: GrantedTimestamps = new GrantedTimestamps();
  readonly #stores = new Map<string, number>();
  /** The greatest physical time of all timestamps so far. */
  schedulerMs = 0;

  watch(cluster: Cluster): void {
    const { scheduler, network } = cluster;
    network.onSend = (host, method, message, isAnswer) => {
      // A store answers a stream of Raft only to refuse it.
      if (method === tinykvpeer.Peer.raft.path) {
        if (!isAnswer) this.#onRaft(host, message);
      } else if (method === schedulerpb.Scheduler.tso.path && host === scheduler.host) {
        this.#onTimestamps(message);
      }
    };
    scheduler.machine.log.observer = (updates) => this.#onSchedulerLog(updates);
  }

  /** From its first write on. */
  watchStore(node: StoreNode, store: number): void {
    this.#stores.set(node.host, store);
    node.machine.log.diskObserver = {
      opened: (groups) => this.promises.onRecovered(store, groups.map(recoveredLog)),
      appendedUnsynced: (writes) => this.promises.onUnsynced(node.name, writes),
    };
  }

  onDurable(node: StoreNode, store: number, change: LogChange): void {
    this.promises.onDurable(store, change);
    const { region, durableApplied, reset, destroy } = change;
    if (durableApplied === undefined || reset !== undefined || destroy === true) return;
    const { engine } = node.machine;
    // What an engine of the product would find after a power cut, only a start of it tells.
    if (!(engine instanceof SimEngine)) return;
    const bytes = engine.getDurable(applyStateKey(region));
    // Without a record nothing of the Region has been applied, or all of it is gone.
    if (bytes === undefined || node.damaged) return;
    this.promises.onApplied(store, region, durableApplied, decodeApplyState(bytes).index);
  }

  #onRaft(host: string, message: Uint8Array): void {
    const store = this.#stores.get(host);
    if (store === undefined) return;
    const reader = new ByteReader(tinykvpeer.RaftFrame.decode(message).messages);
    while (reader.remaining > 0) {
      const bytes = reader.raw(reader.u32());
      if (bytes.length > SHORT_BYTES) continue;
      const envelope = readEnvelope(new ByteReader(bytes));
      const promise = promiseOf(envelope);
      if (promise !== undefined) this.promises.onSent(store, envelope.regionId, promise);
    }
  }

  #onTimestamps(message: Uint8Array): void {
    const { timestamp } = schedulerpb.Scheduler.tso.response.decode(message);
    if (timestamp === undefined) return;
    const physicalMs = Number(timestamp.physical);
    this.schedulerMs = Math.max(this.schedulerMs, physicalMs);
    this.promises.onTimestamps(physicalMs);
    this.granted.onGranted(composeTimestamp(physicalMs, Number(timestamp.logical)));
  }

  /** The only member of its group: what is durable here is committed. */
  #onSchedulerLog(updates: readonly GroupUpdate[]): void {
    for (const { entries = [] } of updates) {
      for (const { type, data } of entries) {
        if (type !== 'EntryNormal' || data.length === 0) continue;
        const command = decodeCommand(data);
        if (command.type === 'save-tso') this.promises.onTsoBound(command.boundMs);
      }
    }
  }
}

function promiseOf({ message }: Envelope): RaftPromise | undefined {
  if (message === undefined || message.reject) return undefined;
  const { type, term, index, to } = message;
  if (type === 'MsgAppResp') return { type: 'ack', term, index };
  return type === 'MsgVoteResp' ? { type: 'vote', term, to } : undefined;
}

function recoveredLog({ group, hardState, lastIndex }: RecoveredGroup) {
  return { region: group, term: hardState.term, vote: hardState.vote, lastIndex };
}
