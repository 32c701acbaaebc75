export { clientKv } from './client-kv.js';
export type { GatewayStats } from './commands/spec.js';
export * from './config.js';
export * from './connection.js';
export { GatewayCore } from './gateway.js';
export * from './kv-port.js';
export { describeGatewayKey } from './model/describe-key.js';
export { type Peeked, peekKey } from './peek.js';
export * from './server.js';
