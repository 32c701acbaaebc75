export { decodeCommand } from './command.js';
export { defaultSchedulerConfig, type SchedulerConfig } from './config.js';
export type { SchedulerStatus } from './member.js';
export type { RaftGroupParts } from './raft-group.js';
export { createScheduler, type Scheduler } from './scheduler.js';
