import type { Env, ServiceTable } from '@tinykv/base';
import { type SchedulerConfig, schedulerConfig } from './config.js';
import { SchedulerMember, type SchedulerStatus } from './member.js';
import { RaftGroup, type RaftGroupParts } from './raft-group.js';

/** A scheduler process. */
export interface Scheduler {
  /** schedulerpb.Scheduler and tinykvadmin.Admin; they answer UNAVAILABLE until `start` resolves. */
  services(): ServiceTable;
  /** Resolves when it serves. */
  start(): Promise<void>;
  /** The log stays open: it is its owner's to close. */
  stop(): Promise<void>;
  status(): SchedulerStatus;
}

/**
 * Recovers a scheduler from its log and from `scheduler.state` in `env.fs`, or begins a new one.
 * Rejects with KvError DATA_LOSS when the two do not fit together.
 */
export async function createScheduler(
  env: Env,
  parts: RaftGroupParts,
  config: Partial<SchedulerConfig> = {},
): Promise<Scheduler> {
  const whole = schedulerConfig(config);
  const group = await RaftGroup.open(env, parts);
  const member = new SchedulerMember(env, group, whole);
  return {
    services: () => member.services(),
    start: () => {
      group.start();
      return member.start();
    },
    stop: async () => {
      member.stop();
      await group.stop();
    },
    status: () => member.status(),
  };
}
