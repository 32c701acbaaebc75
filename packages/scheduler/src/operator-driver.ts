import {
  assert,
  assertNever,
  type Clock,
  type Counter,
  limits,
  type Metrics,
  type PeerId,
  type StoreId,
} from '@tinykv/base';
import { equalEpochs, findPeerOnStore, type Peer, type RegionOperator } from '@tinykv/model';
import {
  isPending,
  type Operator,
  type OperatorKind,
  type OperatorStatus,
  type OperatorStep,
  type Priority,
} from './operator.js';
import { canSpare, findHeir, holds } from './policy/filters.js';
import type { RegionInfo } from './policy/view.js';

/** Finished operators are remembered for this long, for GetOperator. */
const RECORD_MS = 600_000;

/** What the driver needs of the cluster. */
export interface OperatorHost {
  region(id: number): RegionInfo | undefined;
  /** The store is up: neither drained nor gone. */
  takesPeers(storeId: StoreId): boolean;
  /** The store has been heard of lately. */
  isConnected(storeId: StoreId): boolean;
  /** The store says that the peer has lost what it had promised. */
  isDamaged(peerId: PeerId, storeId: StoreId): boolean;
  /** Sends to the leader of the Region, if its store has a stream. */
  send(leader: Peer, operator: RegionOperator): void;
}

export type AddRefusal =
  | 'region-not-found'
  | 'epoch-differs'
  | 'operator-exists'
  | 'too-many'
  /** It would be given up at once. */
  | 'futile';

/** What running operators will have done to a store once they are through. */
export interface Influence {
  regionSize: number;
  regionCount: number;
  leaderCount: number;
  /** Peers that are about to be added. */
  incoming: number;
  incomingBytes: number;
}

const NO_INFLUENCE: Readonly<Influence> = {
  regionSize: 0,
  regionCount: 0,
  leaderCount: 0,
  incoming: 0,
  incomingBytes: 0,
};

/** Why an operator has ended without success, for people. */
const reasons = {
  late: 'its time was over',
  stale: 'something else has changed the Region',
  futile: 'a store or a peer that it needs is lost',
  gone: 'the Region is gone',
  asked: 'it was cancelled by hand',
} as const;

export interface OperatorRecord {
  readonly operator: Operator;
  readonly finishedAt: number;
}

/**
 * Holds the running operators, at most one for a Region, and drives them: every heartbeat of a Region
 * shows which steps are done, and what is to do next goes to its leader. The same step is sent again
 * with every heartbeat; leaders ignore what is done already.
 */
export class OperatorDriver {
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #host: OperatorHost;
  readonly #running = new Map<number, Operator>();
  /** In the order in which they finished. */
  readonly #records = new Map<number, OperatorRecord>();
  readonly #counters = new Map<string, Counter>();

  constructor(clock: Clock, metrics: Metrics, host: OperatorHost) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#host = host;
  }

  get size(): number {
    return this.#running.size;
  }

  has(regionId: number): boolean {
    return this.#running.has(regionId);
  }

  priorityOn(regionId: number): Priority | undefined {
    return this.#running.get(regionId)?.priority;
  }

  /** The store is up and connected: a voter on it may be made leader. */
  canLead(storeId: StoreId): boolean {
    return this.#host.takesPeers(storeId) && this.#host.isConnected(storeId);
  }

  /** Running operators of a kind. One that moves a Region counts as such alone, though it may move its leader. */
  count(kind: OperatorKind): number {
    let count = 0;
    for (const { kinds } of this.#running.values()) {
      if (kinds.includes(kind) && !(kind === 'leader' && kinds.includes('region'))) count++;
    }
    return count;
  }

  /** Starts an operator: its first step is sent at once. */
  add(operator: Operator): AddRefusal | undefined {
    const refusal = this.refusalOf(operator);
    if (refusal !== undefined) return refusal;
    const former = this.#running.get(operator.regionId);
    if (former !== undefined) this.#finish(former, 'replace', `${operator.desc} is more urgent`);
    operator.begin(this.#clock.mono());
    this.#running.set(operator.regionId, operator);
    this.#count(operator, 'create');
    const region = this.#host.region(operator.regionId);
    assert(region !== undefined, () => `operator for unknown region ${operator.regionId}`);
    this.#drive(operator, region);
    return undefined;
  }

  /** Why the operator, which may be a draft without the id of its new peer, cannot begin; counted. */
  refusalOf(operator: Operator): AddRefusal | undefined {
    const refusal = this.#check(operator);
    if (refusal !== undefined) this.#count(operator, 'refused');
    return refusal;
  }

  #check(operator: Operator): AddRefusal | undefined {
    const region = this.#host.region(operator.regionId);
    if (region === undefined) return 'region-not-found';
    if (!equalEpochs(region.region.epoch, operator.epoch)) return 'epoch-differs';
    const running = this.#running.get(operator.regionId);
    if (running !== undefined && running.priority >= operator.priority) return 'operator-exists';
    if (this.#running.size >= limits.operatorsMax) return 'too-many';
    return this.#isFutile(operator) ? 'futile' : undefined;
  }

  /** The Region has reported. */
  dispatch(region: RegionInfo): void {
    const operator = this.#running.get(region.id);
    if (operator !== undefined) this.#drive(operator, region);
  }

  #drive(operator: Operator, region: RegionInfo): void {
    const step = operator.check(region);
    if (step === undefined) {
      this.#finish(operator, 'success', '');
    } else if (operator.isTimedOut(this.#clock.mono())) {
      this.#finish(operator, 'timeout', reasons.late);
    } else if (operator.isStale(region)) {
      this.#finish(operator, 'cancel', reasons.stale);
    } else if (this.#isFutile(operator)) {
      this.#finish(operator, 'cancel', reasons.futile);
    } else {
      this.#send(step, region);
    }
  }

  /**
   * The rest of it wants a new peer on a store that has been given up or is silent, a peer that is damaged, a
   * leader on a store that is silent, or to remove a leader that no voter can follow. The Region would wait for nothing,
   * and for its repair.
   */
  #isFutile(operator: Operator): boolean {
    const steps = operator.remainingSteps();
    if (this.#hasNoHeir(operator.regionId, steps)) return true;
    return steps.some((step) => {
      if (step.type === 'transfer-leader') return !this.#host.isConnected(step.to);
      const adds =
        step.type === 'add-peer' || step.type === 'add-learner' || step.type === 'promote-learner';
      if (!adds) return false;
      const { peerId, storeId } = step;
      return !this.canLead(storeId) || this.#host.isDamaged(peerId, storeId);
    });
  }

  /** The leader is to be removed next, and no other voter is on a store that may lead. */
  #hasNoHeir(regionId: number, [next]: readonly OperatorStep[]): boolean {
    const region = this.#host.region(regionId);
    if (next?.type !== 'remove-peer' || region?.leader?.storeId !== next.storeId) return false;
    return !region.region.peers.some(
      ({ learner, storeId }) => !learner && storeId !== next.storeId && this.canLead(storeId),
    );
  }

  #send(step: OperatorStep, region: RegionInfo): void {
    const { leader } = region;
    if (leader === undefined) return;
    const request = requestOf(step, region, leader, (storeId) => this.canLead(storeId));
    if (request !== undefined) this.#host.send(leader, request);
  }

  /** Ends operators whose time is over or whose Region is gone: heartbeats may never come for them. */
  expire(): void {
    const now = this.#clock.mono();
    for (const operator of [...this.#running.values()]) {
      const isGone = this.#host.region(operator.regionId) === undefined;
      if (isGone) this.#finish(operator, 'cancel', reasons.gone);
      else if (this.#isFutile(operator)) this.#finish(operator, 'cancel', reasons.futile);
      else if (operator.isTimedOut(now)) this.#finish(operator, 'timeout', reasons.late);
    }
    for (const [regionId, { finishedAt }] of this.#records) {
      if (now - finishedAt <= RECORD_MS && this.#records.size <= limits.operatorRecordsMax) break;
      this.#records.delete(regionId);
    }
  }

  /** The running operator of a Region, else the one that finished last. */
  find(regionId: number): Operator | undefined {
    return this.#running.get(regionId) ?? this.#records.get(regionId)?.operator;
  }

  running(): Iterable<Operator> {
    return this.#running.values();
  }

  /** Somebody wants it ended; false when none runs on the Region. The work that its current step has begun goes on. */
  cancel(regionId: number): boolean {
    const operator = this.#running.get(regionId);
    if (operator !== undefined) this.#finish(operator, 'cancel', reasons.asked);
    return operator !== undefined;
  }

  /** Those that have ended, in the order in which they did. */
  ended(): Iterable<OperatorRecord> {
    return this.#records.values();
  }

  #finish(operator: Operator, status: Exclude<OperatorStatus, 'running'>, reason: string): void {
    operator.status = status;
    operator.reason = reason;
    this.#running.delete(operator.regionId);
    const finishedAt = this.#clock.mono();
    this.#records.delete(operator.regionId);
    this.#records.set(operator.regionId, { operator, finishedAt });
    this.#count(operator, status === 'success' ? 'finish' : status);
    if (status === 'success') {
      this.#metrics
        .histogram(
          'pd_schedule_finish_operators_duration_seconds',
          'Time from start to success of operators.',
          { type: operator.desc },
        )
        .observe(operator.ageMs(finishedAt) / 1000);
    }
  }

  #count(operator: Operator, event: string): void {
    const key = `${operator.desc} ${event}`;
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      counter = this.#metrics.counter(
        'pd_schedule_operators_count',
        'Operators by what happened to them.',
        { type: operator.desc, event },
      );
      this.#counters.set(key, counter);
    }
    counter.add();
  }

  /** What is under way, by store: without it the same imbalance would be corrected many times. */
  influence(): ReadonlyMap<StoreId, Influence> {
    const out = new Map<StoreId, Influence>();
    for (const operator of this.#running.values()) {
      const region = this.#host.region(operator.regionId);
      if (region === undefined) continue;
      for (const step of operator.remainingSteps()) addInfluence(out, step, operator, region);
    }
    return out;
  }
}

function addInfluence(
  out: Map<StoreId, Influence>,
  step: OperatorStep,
  operator: Operator,
  region: RegionInfo,
): void {
  const at = (id: StoreId): Influence => {
    const known = out.get(id) ?? { ...NO_INFLUENCE };
    out.set(id, known);
    return known;
  };
  // What the Region's heartbeat shows already counts there.
  if ((step.type === 'add-peer' || step.type === 'add-learner') && !holds(region, step.storeId)) {
    const store = at(step.storeId);
    store.regionSize += operator.regionSize;
    store.regionCount++;
    store.incoming++;
    store.incomingBytes += region.approximateBytes;
  } else if (step.type === 'remove-peer' && holds(region, step.storeId)) {
    const store = at(step.storeId);
    store.regionSize -= operator.regionSize;
    store.regionCount--;
  } else if (step.type === 'transfer-leader' && region.leader?.storeId === step.from) {
    at(step.from).leaderCount--;
    at(step.to).leaderCount++;
  }
}

/** Undefined when there is nothing to ask for now: a later heartbeat will show what to do. */
function requestOf(
  step: OperatorStep,
  region: RegionInfo,
  leader: Peer,
  canLead: (storeId: StoreId) => boolean,
): RegionOperator | undefined {
  const head = { regionId: region.id, epoch: region.region.epoch, targetPeer: leader };
  switch (step.type) {
    case 'add-peer':
    case 'add-learner': {
      // It is there, but still waits for its snapshot.
      if (isPending(region, step.peerId)) return undefined;
      const learner = step.type === 'add-learner';
      const peer: Peer = { id: step.peerId, storeId: step.storeId, learner };
      return { ...head, type: 'add-peer', peer };
    }
    case 'promote-learner': {
      const peer: Peer = { id: step.peerId, storeId: step.storeId, learner: false };
      return { ...head, type: 'add-peer', peer };
    }
    case 'remove-peer': {
      const peer = findPeerOnStore(region.region, step.storeId);
      if (peer === undefined || !canSpare(region, step.storeId)) return undefined;
      if (peer.id !== leader.id) return { ...head, type: 'remove-peer', peer };
      // The leadership has come back to it: lead it away again.
      const heir = findHeir(region, step.storeId, canLead);
      return heir && { ...head, type: 'transfer-leader', peer: heir };
    }
    case 'transfer-leader': {
      const peer = findPeerOnStore(region.region, step.to);
      return peer && { ...head, type: 'transfer-leader', peer };
    }
    case 'split':
      return { ...head, type: 'split', keys: step.keys };
    default:
      return assertNever(step);
  }
}
