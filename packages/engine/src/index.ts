export * from './level-engine.js';
export * from './memory-engine.js';
export * from './raft-log/level-raft-log.js';
export * from './raft-log/memory-raft-log.js';
