export {
  KeyLockedError,
  RegionUnavailableError,
  RetryableTxnError,
  type Txn,
  TxnAbortedError,
  UndeterminedError,
  WriteConflictError,
} from '@tinykv/client';
export type { EngineKind } from '@tinykv/server';
export { KvsConfigError, KvsStartError } from './errors.js';
export { KvsClient, type KvsClientBuilder } from './kvs-client.js';
export { type KvsNode, KvsServer, type KvsServerBuilder } from './kvs-server.js';
export { AdminConnection } from './processes/admin-connection.js';
export {
  describeEnd,
  Member,
  type MemberEnd,
  type MemberSpec,
  type MemberState,
} from './processes/member.js';
export { waitReady } from './processes/ready.js';
export type { KvsKind } from './root-folder.js';
