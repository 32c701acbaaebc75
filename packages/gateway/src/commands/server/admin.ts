import { countKeys } from '../../model/scan.js';
import type { Request } from '../../resp/request.js';
import { array, bulk, error, integer, OK, type Reply } from '../../resp/types.js';
import { SYNTAX_ERROR } from '../errors.js';
import type { Call, DataCall, DataHandler } from '../spec.js';
import { latin1, latin1Bytes, upper } from '../text.js';

/** The scheduler's time, by which keys expire. */
function time({ db }: DataCall): Reply {
  const seconds = Math.floor(db.nowMs / 1_000);
  const microseconds = (db.nowMs % 1_000) * 1_000;
  return array([bulk(latin1Bytes(String(seconds))), bulk(latin1Bytes(String(microseconds)))]);
}

function dbSize({ db }: DataCall): Reply {
  return integer(db.txn.loads.answer(() => countKeys(db)));
}

/** Databases that a flush empties; none when its option is wrong. */
function flushed(all: boolean): (argv: Request, db: number, databases: number) => number[] {
  return (argv, db, databases) => {
    const option = argv.length === 2 ? upper(argv[1]!) : 'SYNC';
    if (argv.length > 2 || (option !== 'SYNC' && option !== 'ASYNC')) return [];
    return all ? Array.from({ length: databases }, (_, i) => i) : [db];
  };
}

const flushedOne = flushed(false);
const flushedAll = flushed(true);

function flush(call: DataCall, databases: readonly number[]): Reply {
  if (databases.length === 0) return SYNTAX_ERROR;
  for (const db of databases) call.gateway.epochs.raise(call.db.txn, db);
  return OK;
}

function databasesOf(call: Call): number {
  return call.gateway.config.databases;
}

function debug({ argv, gateway, db }: DataCall): Reply {
  const name = upper(argv[1]!);
  if (name === 'SLEEP' && argv.length === 3) {
    const seconds = Number.parseFloat(latin1(argv[2]!));
    const ms = Number.isFinite(seconds) ? Math.max(0, seconds * 1_000) : 0;
    db.txn.loads.answer(() => new Promise<void>((resolve) => gateway.env.clock.after(ms, resolve)));
    return OK;
  }
  if (name === 'SET-ACTIVE-EXPIRE' && argv.length === 3) return OK;
  return error(
    `ERR unknown subcommand or wrong number of arguments for '${latin1(argv[1]!)}'. Try DEBUG HELP.`,
  );
}

export const adminCommands: readonly DataHandler[] = [
  { kind: 'data', name: 'time', apply: time },
  { kind: 'data', name: 'dbsize', apply: dbSize },
  {
    kind: 'data',
    name: 'flushdb',
    flushes: flushedOne,
    apply: (call) => flush(call, flushedOne(call.argv, call.db.index, databasesOf(call))),
  },
  {
    kind: 'data',
    name: 'flushall',
    flushes: flushedAll,
    apply: (call) => flush(call, flushedAll(call.argv, call.db.index, databasesOf(call))),
  },
  { kind: 'data', name: 'debug', apply: debug },
];
