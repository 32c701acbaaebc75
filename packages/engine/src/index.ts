export * from './level-engine.js';
export * from './memory-engine.js';
