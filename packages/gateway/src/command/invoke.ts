import type { DataCommand, GatewayState, SessionState } from '../commands/spec.js';
import type { RedisTxn } from '../model/redis-txn.js';
import type { Request } from '../resp/request.js';
import type { Reply } from '../resp/types.js';

/** Runs a command on a database in a transaction: one door for single commands, EXEC, and whatever else runs commands. */
export function invoke(
  spec: DataCommand,
  argv: Request,
  session: SessionState,
  gateway: GatewayState,
  txn: RedisTxn,
  db: number,
): Reply | Promise<Reply> {
  return spec.run({ argv, session, gateway, db: txn.database(db) });
}
