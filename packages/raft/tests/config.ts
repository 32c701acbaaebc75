import { EMPTY_BYTES, type Rng } from '@tinykv/base';
import type { ConfChange, ConfState, RaftConfig, RaftStorage } from '../src/index.js';

export type ConfigOverrides = Partial<RaftConfig>;

/** Effectively no limit: for tests that are not about limits. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** Election timeout 10 ticks, heartbeats on every tick, all options off. */
export function testConfig(
  node: { readonly id: number; readonly storage: RaftStorage; readonly applied: number },
  rng: Rng,
  overrides: ConfigOverrides,
): RaftConfig {
  return {
    ...node,
    electionTicks: 10,
    heartbeatTicks: 1,
    asyncStorageWrites: true,
    maxBytesPerMessage: NO_LIMIT,
    maxCommittedBytesPerReady: NO_LIMIT,
    maxUncommittedBytes: NO_LIMIT,
    maxInflightMessages: 256,
    maxInflightBytes: NO_LIMIT,
    checkQuorum: false,
    preVote: false,
    readOnly: 'safe',
    disableProposalForwarding: true,
    disableConfChangeValidation: false,
    stepDownOnRemoval: true,
    rng,
    ...overrides,
  };
}

export function confStateOf(
  voters: readonly number[],
  learners: readonly number[] = [],
): ConfState {
  return { voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false };
}

/** One change alone is simple; several make a joint configuration, left by itself. */
export function change(...changes: ConfChange['changes']): ConfChange {
  return { transition: 'ConfChangeTransitionAuto', changes, context: EMPTY_BYTES };
}
