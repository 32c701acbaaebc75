export { batchService } from './batch-service.js';
export { createStore, type StoreConfig, type StoreNode, type StoreParts } from './create-store.js';
export { rangeDestroyer, standaloneDestroyer } from './destroy-range.js';
export { busyAnswer, RequestLoad, underLoad } from './request-load.js';
export { StandaloneAccess } from './standalone.js';
export { type TinyKvServiceOptions, tinykvService } from './tinykv-service.js';
