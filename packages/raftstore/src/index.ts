export { defaultRaftStoreConfig, type RaftStoreConfig } from './config.js';
export { RaftStore, type RaftStoreParts, type RegionStatus } from './store.js';
