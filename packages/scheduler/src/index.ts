export type { SchedulerConfig } from './config.js';
export { defaultSchedulerConfig } from './config.js';
export type { SchedulerStatus } from './member.js';
export { SchedulerMember } from './member.js';
export type { StateGroup } from './state-group.js';
