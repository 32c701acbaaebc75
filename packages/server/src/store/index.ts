export { batchService } from './batch-service.js';
export { StandaloneAccess } from './standalone.js';
export { type TinyKvServiceOptions, tinykvService } from './tinykv-service.js';
