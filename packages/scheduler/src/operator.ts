import { assertNever, type PeerId, type StoreId } from '@tinykv/base';
import { findPeerOnStore, type Peer, type Region, type RegionEpoch } from '@tinykv/model';
import type { RegionInfo } from './policy/view.js';

/** One thing that a leader is asked to do. */
export type OperatorStep =
  | { readonly type: 'add-peer'; readonly storeId: StoreId; readonly peerId: PeerId }
  | { readonly type: 'add-learner'; readonly storeId: StoreId; readonly peerId: PeerId }
  | { readonly type: 'promote-learner'; readonly storeId: StoreId; readonly peerId: PeerId }
  | { readonly type: 'remove-peer'; readonly storeId: StoreId }
  | { readonly type: 'transfer-leader'; readonly from: StoreId; readonly to: StoreId }
  /** Location keys; none: where the store thinks best. */
  | { readonly type: 'split'; readonly keys: readonly Uint8Array[] };

/** In the order of TinyKV's bits, whose names the answer to GetOperator joins by commas. */
const operatorKinds = ['leader', 'region', 'admin', 'replica', 'balance'] as const;
export type OperatorKind = (typeof operatorKinds)[number];

/** A running operator is replaced by one of higher priority only. */
export const priorities = { normal: 1, high: 2 } as const;
export type Priority = (typeof priorities)[keyof typeof priorities];

export type OperatorStatus = 'running' | 'success' | 'timeout' | 'cancel' | 'replace';

const LEADER_TIMEOUT_MS = 10_000;
const REGION_TIMEOUT_MS = 600_000;

export interface OperatorInit {
  readonly desc: string;
  readonly region: Region;
  readonly kinds: readonly OperatorKind[];
  readonly priority: Priority;
  readonly steps: readonly OperatorStep[];
  /** For scores: what the Region weighs. */
  readonly regionSize: number;
}

/** A sequence of steps on one Region, driven by its heartbeats. */
export class Operator {
  readonly desc: string;
  readonly regionId: number;
  readonly epoch: RegionEpoch;
  readonly kinds: readonly OperatorKind[];
  readonly priority: Priority;
  readonly steps: readonly OperatorStep[];
  readonly regionSize: number;
  /** Index of the first step that is not finished. */
  #current = 0;
  #createdAt = 0;
  status: OperatorStatus = 'running';
  /** Why it has ended without success. */
  reason = '';

  constructor(init: OperatorInit) {
    this.desc = init.desc;
    this.regionId = init.region.id;
    this.epoch = init.region.epoch;
    this.kinds = init.kinds;
    this.priority = init.priority;
    this.steps = init.steps;
    this.regionSize = init.regionSize;
  }

  /** `now` is monotonic: time-outs count from here. */
  begin(now: number): void {
    this.#createdAt = now;
  }

  ageMs(now: number): number {
    return now - this.#createdAt;
  }

  isTimedOut(now: number): boolean {
    const isRegion = this.kinds.includes('region');
    return this.ageMs(now) > (isRegion ? REGION_TIMEOUT_MS : LEADER_TIMEOUT_MS);
  }

  get isFinished(): boolean {
    return this.#current >= this.steps.length;
  }

  /** Passes over the steps that the Region shows as done; the one to do now, if any is left. */
  check(region: RegionInfo): OperatorStep | undefined {
    while (this.#current < this.steps.length) {
      const step = this.steps[this.#current]!;
      if (!isStepFinished(step, region, this)) return step;
      this.#current++;
    }
    return undefined;
  }

  /** Steps that are not known to be done. */
  remainingSteps(): readonly OperatorStep[] {
    return this.steps.slice(this.#current);
  }

  /**
   * True when the Region's peers have changed by more than this operator's own steps explain: someone
   * else is at work, and what was planned may no longer be right.
   */
  isStale(region: RegionInfo): boolean {
    const changes = region.region.epoch.confVer - this.epoch.confVer;
    let own = 0;
    for (const step of this.steps.slice(0, this.#current + 1)) {
      if (hasChangedPeers(step, region)) own++;
    }
    return changes > own;
  }

  /** Steps that are known to be done. */
  get done(): number {
    return this.#current;
  }

  /** "leader,region,balance". */
  get kindText(): string {
    return operatorKinds.filter((kind) => this.kinds.includes(kind)).join(',');
  }

  describe(): string {
    const steps = this.steps.map(describeStep).join(', ');
    return `${this.desc} (kind:${this.kindText}, region:${this.regionId}(${this.epoch.version},${this.epoch.confVer}), currentStep:${this.#current}, steps:[${steps}])`;
  }
}

function isStepFinished(step: OperatorStep, region: RegionInfo, operator: Operator): boolean {
  switch (step.type) {
    case 'add-peer': {
      const peer = findPeerOnStore(region.region, step.storeId);
      return peer?.id === step.peerId && !peer.learner && !isPending(region, step.peerId);
    }
    case 'add-learner': {
      const peer = findPeerOnStore(region.region, step.storeId);
      return peer?.id === step.peerId && !isPending(region, step.peerId);
    }
    case 'promote-learner': {
      const peer = findPeerOnStore(region.region, step.storeId);
      return peer?.id === step.peerId && !peer.learner;
    }
    case 'remove-peer':
      return findPeerOnStore(region.region, step.storeId) === undefined;
    case 'transfer-leader': {
      // Before a peer is removed all that matters is that it does not lead.
      if (operator.kinds.includes('region')) return region.leader?.storeId !== step.from;
      return region.leader?.storeId === step.to;
    }
    case 'split':
      return region.region.epoch.version > operator.epoch.version;
    default:
      return assertNever(step);
  }
}

/** True when the step has raised conf_ver by one. */
function hasChangedPeers(step: OperatorStep, region: RegionInfo): boolean {
  switch (step.type) {
    case 'add-peer':
    case 'add-learner':
      return findPeerOnStore(region.region, step.storeId)?.id === step.peerId;
    case 'promote-learner': {
      const peer = findPeerOnStore(region.region, step.storeId);
      return peer?.id === step.peerId && !peer.learner;
    }
    case 'remove-peer':
      return findPeerOnStore(region.region, step.storeId) === undefined;
    case 'transfer-leader':
    case 'split':
      return false;
    default:
      return assertNever(step);
  }
}

export function isPending(region: RegionInfo, peerId: PeerId): boolean {
  return region.pendingPeers.some((peer: Peer) => peer.id === peerId);
}

export function describeStep(step: OperatorStep): string {
  switch (step.type) {
    case 'add-peer':
      return `add peer ${step.peerId} on store ${step.storeId}`;
    case 'add-learner':
      return `add learner ${step.peerId} on store ${step.storeId}`;
    case 'promote-learner':
      return `promote learner ${step.peerId} on store ${step.storeId}`;
    case 'remove-peer':
      return `remove peer on store ${step.storeId}`;
    case 'transfer-leader':
      return `transfer leader from store ${step.from} to store ${step.to}`;
    case 'split':
      return step.keys.length === 0 ? 'split at its middle' : `split at ${step.keys.length} keys`;
    default:
      return assertNever(step);
  }
}
