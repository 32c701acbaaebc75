export { lockFolder } from './folder-lock.js';
export * from './level-engine.js';
export * from './log-engine/log-engine.js';
export * from './memory-engine.js';
export * from './raft-log/level-raft-log.js';
export * from './raft-log/memory-raft-log.js';
export type * from './segment-log/log-files.js';
export * from './segment-log/node-log-files.js';
export * from './segment-log/segmented-raft-log.js';
