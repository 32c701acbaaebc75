export * from './kv-engine.js';
