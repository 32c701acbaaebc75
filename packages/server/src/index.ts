export {
  checkAddress,
  checkLogLevel,
  checkSchedulers,
  checkTarget,
} from './config/checks.js';
export { EXIT, type Program } from './config/command-line.js';
export { unknownVariable } from './config/environment.js';
export { ConfigError } from './config/load.js';
export { schedulerSchema } from './config/scheduler-settings.js';
export { type AnySetting, type Schema, type Setting, settingsOf } from './config/setting.js';
export { storeSchema } from './config/store-settings.js';
export { formatDuration, parseDuration } from './config/units.js';
export { isSupportedPlatform } from './platform.js';
export type { Running } from './process.js';
export { runSchedulerServer } from './scheduler-main.js';
export {
  type CommonSettings,
  runServiceProcess,
  type Service,
  type ServiceProgram,
} from './service-process.js';
export { StartError } from './start-error.js';
export { AUTO, checkStatusAddress, statusDoc } from './status-address.js';
export { ENGINES, type EngineKind, isEngineKind } from './storage.js';
export { runStoreServer } from './store-main.js';
export { type BuildInfo, buildInfo, versionLine } from './version.js';
