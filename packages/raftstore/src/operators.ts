import { type Env, errorMessage } from '@tinykv/base';
import { equalEpochs, type RegionOperator } from '@tinykv/model';
import { encodePeerChange, type PeerChange } from './command.js';
import type { Peer } from './peer.js';
import type { PeerRegistry } from './registry.js';
import type { SplitChecker } from './split-check.js';

/** Carries out what the scheduler asks of Regions that this store leads. */
export class Operators {
  readonly #env: Env;
  readonly #registry: PeerRegistry;
  readonly #splitChecker: SplitChecker;

  constructor(env: Env, registry: PeerRegistry, splitChecker: SplitChecker) {
    this.#env = env;
    this.#registry = registry;
    this.#splitChecker = splitChecker;
  }

  /** Ignores what is out of date: the scheduler sends it again for as long as it wants it. */
  handle(operator: RegionOperator): void {
    const peer = this.#registry.peers.get(operator.regionId);
    if (peer === undefined || !peer.isLeader || !peer.initialized) return;
    if (!equalEpochs(operator.epoch, peer.region.epoch)) return;
    switch (operator.type) {
      case 'add-peer':
        this.changePeer(peer, 'add', operator.peer);
        return;
      case 'remove-peer':
        this.#removePeer(peer, operator.peer);
        return;
      case 'transfer-leader':
        // Proposals wait during a transfer: to a silent peer, for an election timeout, and in vain.
        if (operator.peer.id === peer.meta.id || !peer.group.isActive(operator.peer.id)) return;
        this.#transfer(peer, operator.peer.id);
        return;
      case 'split': {
        const { keys } = operator;
        const split =
          keys.length > 0 ? this.#splitChecker.split(peer, keys) : this.#splitChecker.halve(peer);
        split.catch((error: unknown) => {
          const fields = { region_id: operator.regionId, error: errorMessage(error) };
          this.#env.logger.warn('split', fields);
        });
      }
    }
  }

  #removePeer(peer: Peer, target: PeerChange['peer']): void {
    if (target.id !== peer.meta.id) {
      this.changePeer(peer, 'remove', target);
      return;
    }
    // A leader that removed itself could vanish before the others learn that it is committed: it hands
    // over first, and the new leader gets the order.
    const successor = this.successor(peer);
    if (successor !== undefined) this.#transfer(peer, successor);
  }

  /** Proposes the change of one peer unless another change is under way or it is done already. */
  changePeer(peer: Peer, type: PeerChange['type'], target: PeerChange['peer']): void {
    const { group, region } = peer;
    if (group.readOnly !== undefined || group.node.pendingConfIndex > group.applied) return;
    const known = region.peers.some((p) => p.id === target.id);
    if (known === (type === 'add') && !this.#promotes(peer, target)) return;
    const change = encodePeerChange({ type, peer: target, confVer: region.epoch.confVer });
    // A refusal needs no answer: the scheduler orders the change again.
    group.node.proposeConfChange(change);
    group.touch();
  }

  #promotes(peer: Peer, target: PeerChange['peer']): boolean {
    return !target.learner && peer.region.peers.some((p) => p.id === target.id && p.learner);
  }

  #transfer(peer: Peer, to: number): void {
    peer.group.node.transferLeader(to);
    peer.group.touch();
  }

  /** The voter with the longest log, other than the leader itself. */
  successor(peer: Peer): number | undefined {
    let best: number | undefined;
    let bestMatch = 0;
    for (const { id, learner } of peer.region.peers) {
      const progress = peer.group.node.progressOf(id);
      if (id === peer.meta.id || learner || progress === undefined || !peer.group.isActive(id))
        continue;
      if (progress.match > bestMatch) {
        best = id;
        bestMatch = progress.match;
      }
    }
    return best;
  }
}
