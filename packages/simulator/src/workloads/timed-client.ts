import type { Client } from '@tinykv/client';
import type { Deadlines } from '../checkers/deadlines.js';
import type { ClientNode } from '../cluster/client-node.js';
import { OPERATION_TIMEOUT_MS } from './operation-timeout.js';

/** Calls that take as long as they take by contract: the time-outs of a range that is deleted are for each page and key. */
const WITHOUT_DEADLINE: ReadonlySet<string> = new Set(['close', 'deleteRange']);
/** Objects of the client whose methods are calls. */
const PARTS: ReadonlySet<string> = new Set(['raw', 'txn']);

type Method = (...args: unknown[]) => unknown;

/**
 * The client of a process, each call of which is held to the deadline that all workloads give. What a call answers with
 * (a transaction, a snapshot) is watched in the same way.
 */
export function timedClient(client: Client, node: ClientNode, deadlines: Deadlines): Client {
  return timed(client, '', node, deadlines);
}

function timed<T extends object>(of: T, path: string, node: ClientNode, deadlines: Deadlines): T {
  return new Proxy(of, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof name !== 'string') return value;
      const here = path === '' ? name : `${path}.${name}`;
      if (path === '' && PARTS.has(name)) return timed(value as object, here, node, deadlines);
      if (typeof value !== 'function' || WITHOUT_DEADLINE.has(name)) return value;
      return (...args: unknown[]) => {
        const answer = (value as Method).apply(target, args);
        return answer instanceof Promise ? timeOf(answer, here, node, deadlines) : answer;
      };
    },
  });
}

async function timeOf(
  answer: Promise<unknown>,
  method: string,
  node: ClientNode,
  deadlines: Deadlines,
): Promise<unknown> {
  const { env, proc } = node;
  if (env === undefined || proc === undefined) return answer;
  const begun = env.clock.mono();
  const frozen = proc.frozenMs;
  try {
    const result = await answer;
    const isHandle = typeof result === 'object' && result !== null && 'scan' in result;
    return isHandle ? timed(result, method, node, deadlines) : result;
  } finally {
    const tookMs = env.clock.mono() - begun - DRIFT_MAX * (proc.frozenMs - frozen);
    deadlines.onAnswer({ client: node.name, method, deadlineMs: OPERATION_TIMEOUT_MS, tookMs });
  }
}

/** A clock may run faster than time by so much. */
const DRIFT_MAX = 1.06;
