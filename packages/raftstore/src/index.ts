export type { SpaceGauge } from './access.js';
export { decodePayload, type EntryPayload } from './command.js';
export { defaultRaftStoreConfig, type RaftStoreConfig } from './config.js';
export { type DestroyKeyRange, RangeDestroyer } from './range-destroyer.js';
export { SafePointMark } from './safe-point.js';
export { RaftStore, type RaftStoreParts, type RegionStatus } from './store.js';
export { registeredCluster } from './store-ident.js';
export { wipeDurably } from './wipe.js';
