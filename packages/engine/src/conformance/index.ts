export * from './kv-engine.js';
export * from './raft-log.js';
export type * from './targets.js';
