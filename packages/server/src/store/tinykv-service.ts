import { type Env, KvError, type ServiceTable, type StreamHandler } from '@tinykv/base';
import type { RegionAccess } from '@tinykv/model';
import { tinykvpb } from '@tinykv/proto';
import type { RawExecutor, TxnExecutor } from '@tinykv/txn';
import { serveDeadlocks } from './deadlock-service.js';
import type { DestroyRange } from './destroy-range.js';
import { serveGc } from './gc-handlers.js';
import { serveInspect } from './inspect-handlers.js';
import { serveOneKey } from './one-key-handlers.js';
import { servePessimistic } from './pessimistic-handlers.js';
import { serveRaw } from './raw-handlers.js';
import { serveTxnExt } from './txn-ext-handlers.js';
import { serveTxn } from './txn-handlers.js';
import { UnaryTable } from './unary.js';

export interface TinyKvServiceOptions {
  readonly access: RegionAccess;
  readonly txn: TxnExecutor;
  readonly raw: RawExecutor;
  readonly destroyRange: DestroyRange;
  /** Until a client is told that the outcome of its request is unknown. */
  readonly requestTimeoutMs: number;
}

/** TinyKV's service `tinykvpb.TinyKv`, for its clients and ours, and what `tinykvtxn.Txn` adds to it. */
export function tinykvService(env: Env, options: TinyKvServiceOptions): ServiceTable {
  const { coprocessor, raft, snapshot } = tinykvpb.TinyKv;
  const table = new UnaryTable(env, options.requestTimeoutMs);
  serveTxn(table, options.txn);
  serveInspect(table, options.txn);
  serveGc(table, options.txn, options.destroyRange);
  serveTxnExt(table, options.txn);
  serveOneKey(table, options.txn);
  servePessimistic(table, options.txn);
  serveDeadlocks(table, env, options.access);
  serveRaw(table, options.raw);
  table.serve(coprocessor, () => Promise.reject(unimplemented(coprocessor.path)));
  return {
    unary: table.handlers,
    // Our stores speak to one another by tinykvpeer.Peer: entries and snapshots are not TinyKV's.
    stream: new Map([raft, snapshot].map(({ path }) => [path, refuseStream(path)])),
  };
}

function unimplemented(path: string): KvError {
  return new KvError('UNIMPLEMENTED', `${path} is not served by this store`);
}

function refuseStream(path: string): StreamHandler {
  return (stream) => {
    stream.destroy(unimplemented(path));
    return { onMessage: () => undefined, onClose: () => undefined };
  };
}
