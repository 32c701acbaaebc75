export * from './fake-env.js';
export * from './manual-clock.js';
export * from './memory-fs.js';
export * from './memory-network.js';
