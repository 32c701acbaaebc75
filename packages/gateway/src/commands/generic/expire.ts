import { err, ok, type Result } from '@tinykv/base';
import type { OneKeyUse } from '../../job.js';
import { makeMeta } from '../../model/meta-codec.js';
import type { Request } from '../../resp/request.js';
import { error, integer, ONE, type Reply, ZERO } from '../../resp/types.js';
import { EX, EXAT, type ExpireUnit, PX, PXAT, parseExpire } from '../expire-time.js';
import type { DataCall, DataHandler } from '../spec.js';
import { latin1 } from '../text.js';

interface Conditions {
  readonly nx: boolean;
  readonly xx: boolean;
  readonly gt: boolean;
  readonly lt: boolean;
}

function parseConditions(argv: Request): Result<Conditions, Reply> {
  const given = new Set<string>();
  for (const argument of argv.slice(3)) {
    const word = latin1(argument).toUpperCase();
    if (!['NX', 'XX', 'GT', 'LT'].includes(word)) {
      return err(error(`ERR Unsupported option ${latin1(argument)}`));
    }
    given.add(word);
  }
  const conditions = {
    nx: given.has('NX'),
    xx: given.has('XX'),
    gt: given.has('GT'),
    lt: given.has('LT'),
  };
  if (conditions.nx && given.size > 1) {
    return err(error('ERR NX and XX, GT or LT options at the same time are not compatible'));
  }
  if (conditions.gt && conditions.lt) {
    return err(error('ERR GT and LT options at the same time are not compatible'));
  }
  return ok(conditions);
}

/** A key without a TTL counts as one that never expires. */
function allowed(conditions: Conditions, atMs: bigint, oldMs: bigint | undefined): boolean {
  if (conditions.nx && oldMs !== undefined) return false;
  if (conditions.xx && oldMs === undefined) return false;
  if (conditions.gt && (oldMs === undefined || atMs <= oldMs)) return false;
  return !(conditions.lt && oldMs !== undefined && atMs >= oldMs);
}

function expire(name: string, unit: ExpireUnit): DataHandler<Conditions> {
  return {
    kind: 'data',
    name,
    oneKey,
    parse: parseConditions,
    apply: ({ argv, db }, conditions) => {
      const time = parseExpire(argv[2]!, unit, db.nowMs, name, true);
      if (!time.ok) return time.error;
      const key = argv[1]!;
      const meta = db.get(key);
      if (meta === undefined) return ZERO;
      if (!allowed(conditions, time.atMs, meta.expireAtMs)) return ZERO;
      if (time.atMs <= db.nowMs) db.remove(key);
      else db.put(key, makeMeta(meta.type, meta.body, time.atMs, meta.id));
      return ONE;
    },
  };
}

function persist({ argv, db }: DataCall): Reply {
  const meta = db.get(argv[1]!);
  if (meta?.expireAtMs === undefined) return ZERO;
  db.put(argv[1]!, makeMeta(meta.type, meta.body, undefined, meta.id));
  return ONE;
}

/** `answer` makes the reply of the time at which the key expires. */
function timeOf(name: string, answer: (expireAtMs: bigint, nowMs: bigint) => bigint): DataHandler {
  return {
    kind: 'data',
    name,
    apply: ({ argv, db }) => {
      const meta = db.get(argv[1]!);
      if (meta === undefined) return integer(-2);
      if (meta.expireAtMs === undefined) return integer(-1);
      return integer(answer(meta.expireAtMs, BigInt(db.nowMs)));
    },
  };
}

function toSeconds(ms: bigint): bigint {
  return (ms + 500n) / 1_000n;
}

/** The entry among the keys that expire lies beside the key. */
const oneKey = (): OneKeyUse => 'changes';

export const expireCommands: readonly DataHandler[] = [
  expire('expire', EX),
  expire('pexpire', PX),
  expire('expireat', EXAT),
  expire('pexpireat', PXAT),
  { kind: 'data', name: 'persist', apply: persist, oneKey },
  timeOf('ttl', (at, now) => toSeconds(at - now)),
  timeOf('pttl', (at, now) => at - now),
  timeOf('expiretime', toSeconds),
  timeOf('pexpiretime', (at) => at),
];
