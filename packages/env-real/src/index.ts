export * from './real-env.js';
