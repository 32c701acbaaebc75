import { assert, assertNever, type PeerId, type StoreId } from '@tinykv/base';
import {
  Operator,
  type OperatorInit,
  type OperatorKind,
  type OperatorStep,
  type Priority,
} from './operator.js';
import { findHeir } from './policy/filters.js';
import type { Plan, RegionInfo } from './policy/view.js';

/** Whether a store is up and connected, so that a voter on it may be made leader. */
export type CanLead = (storeId: StoreId) => boolean;

/** On whose account an operator runs. */
export interface Purpose {
  readonly desc: string;
  readonly kind: 'admin' | 'replica' | 'balance';
  readonly priority: Priority;
}

/** Stands for the id of a new peer in an operator that is only drafted: ids are not wasted on what is refused. */
export const DRAFT_PEER_ID: PeerId = Number.MAX_SAFE_INTEGER;

/** True for plans whose operator needs the id of a new peer. */
export function needsPeerId(plan: Plan): boolean {
  return plan.type === 'move-peer' || plan.type === 'add-peer';
}

/**
 * The steps of a plan. Peers are added before others are removed, and a leader is led away before its
 * peer goes. With `learnersFirst` a new peer gets its vote only once it has caught up, so that the
 * quorum never depends on a peer that is still waiting for its snapshot.
 */
export function buildOperator(
  plan: Plan,
  purpose: Purpose,
  peerId: PeerId,
  learnersFirst: boolean,
  canLead: CanLead,
): Operator {
  const { region } = plan;
  switch (plan.type) {
    case 'add-peer':
      return build(region, purpose, ['region'], addSteps(plan.to, peerId, learnersFirst));
    case 'promote-peer': {
      const { id, storeId } = plan.peer;
      return build(region, purpose, ['region'], [{ type: 'promote-learner', storeId, peerId: id }]);
    }
    case 'transfer-leader':
      return build(
        region,
        purpose,
        ['leader'],
        [{ type: 'transfer-leader', from: plan.from, to: plan.to }],
      );
    case 'remove-peer': {
      const steps = removeSteps(region, plan.from, undefined, canLead);
      return build(region, purpose, regionKinds(steps), steps);
    }
    case 'move-peer': {
      const added = addSteps(plan.to, peerId, learnersFirst);
      const steps = [...added, ...removeSteps(region, plan.from, plan.to, canLead)];
      return build(region, purpose, regionKinds(steps), steps);
    }
    default:
      return assertNever(plan);
  }
}

/** Halves the Region, or cuts it at these location keys. */
export function buildSplit(region: RegionInfo, keys: readonly Uint8Array[]): Operator {
  const purpose: Purpose = { desc: 'admin-split-region', kind: 'admin', priority: 2 };
  return build(region, purpose, [], [{ type: 'split', keys }]);
}

function build(
  region: RegionInfo,
  purpose: Purpose,
  kinds: readonly OperatorKind[],
  steps: readonly OperatorStep[],
): Operator {
  const init: OperatorInit = {
    desc: purpose.desc,
    region: region.region,
    kinds: [...kinds, purpose.kind],
    priority: purpose.priority,
    steps,
    regionSize: region.size,
  };
  return new Operator(init);
}

function regionKinds(steps: readonly OperatorStep[]): readonly OperatorKind[] {
  return steps.some((step) => step.type === 'transfer-leader') ? ['leader', 'region'] : ['region'];
}

function addSteps(
  storeId: StoreId,
  peerId: PeerId,
  learnersFirst: boolean,
): readonly OperatorStep[] {
  assert(peerId > 0, 'a new peer has an id');
  if (!learnersFirst) return [{ type: 'add-peer', storeId, peerId }];
  return [
    { type: 'add-learner', storeId, peerId },
    { type: 'promote-learner', storeId, peerId },
  ];
}

function removeSteps(
  region: RegionInfo,
  storeId: StoreId,
  added: StoreId | undefined,
  canLead: CanLead,
): readonly OperatorStep[] {
  const remove: OperatorStep = { type: 'remove-peer', storeId };
  if (region.leader?.storeId !== storeId) return [remove];
  const heir = findHeir(region, storeId, canLead)?.storeId ?? added;
  if (heir === undefined) return [remove];
  return [{ type: 'transfer-leader', from: storeId, to: heir }, remove];
}
