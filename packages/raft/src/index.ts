export type * from './raft-log.js';
export type * from './storage.js';
export * from './types.js';
