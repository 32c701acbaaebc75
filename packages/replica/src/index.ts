export type { ReplicaConfig } from './config.js';
export { Group } from './group.js';
export type { GroupInit } from './group-init.js';
export { emptyGroupState, type GroupState, recoveredState } from './group-storage.js';
export { ReplicaLoop } from './loop.js';
export type * from './ports.js';
export { type ProposalHost, Proposals } from './proposals.js';
export type { ReadRefusal } from './read-gate.js';
