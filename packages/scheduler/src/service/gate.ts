import { type ClusterId, type Env, KvError, type Result, type UnaryHandler } from '@tinykv/base';
import { type Init, schedulerpb, type UnaryMethod } from '@tinykv/proto';
import type { SchedulerConfig } from '../config.js';
import type { HeartbeatStreams } from '../heartbeat-streams.js';
import type { IdAllocator } from '../id-alloc.js';
import type { Leadership } from '../leadership.js';
import type { ClusterMeta, Outcome, Refusal } from '../state.js';
import type { StateGroup } from '../state-group.js';
import type { TsoServer } from '../tso-server.js';

/** What the services of a scheduler are made of. */
export interface ServiceHost {
  readonly env: Env;
  readonly config: SchedulerConfig;
  readonly group: StateGroup;
  readonly ids: IdAllocator;
  readonly tso: TsoServer;
  readonly streams: HeartbeatStreams;
  /** Undefined while this member does not lead or does not hold its lease. */
  leadership(): Leadership | undefined;
}

/** An answer, or the error that goes into its header: the call itself is fine. */
export type Answer<T> = Result<Init<T>, schedulerpb.ErrorInit>;

interface WithHeader {
  readonly header: schedulerpb.RequestHeader | undefined;
}

/** Throws what clients of a scheduler expect when it does not lead. */
export function requireLeadership(host: ServiceHost): Leadership {
  const leadership = host.leadership();
  if (leadership === undefined) throw new KvError('UNAVAILABLE', 'not leader');
  return leadership;
}

/** Clients of another cluster must never be answered: their Regions have our ids. */
export function checkClusterId(host: ServiceHost, request: WithHeader): void {
  requireCluster(host, request.header?.clusterId ?? 0);
}

function requireCluster(host: ServiceHost, given: ClusterId): void {
  const { clusterId } = host.group.state;
  if (given !== clusterId) {
    const text = `mismatch cluster id, need ${clusterId} but got ${given}`;
    throw new KvError('FAILED_PRECONDITION', text);
  }
}

/** A call of our own services. An operator of another cluster must not change this one; who does not say is let through. */
export function led<Request extends { readonly clusterId: ClusterId }, Response>(
  host: ServiceHost,
  method: UnaryMethod<Request, Response>,
  handle: (request: Request, leadership: Leadership) => Init<Response> | Promise<Init<Response>>,
): UnaryHandler {
  return async (bytes) => {
    const request = method.request.decode(bytes);
    const leadership = requireLeadership(host);
    if (request.clusterId !== 0) requireCluster(host, request.clusterId);
    return method.response.encode(await handle(request, leadership));
  };
}

/** A handler behind the gate that all calls share: leadership, then cluster id. */
export function gated<Request extends WithHeader, Response>(
  host: ServiceHost,
  method: UnaryMethod<Request, Response>,
  handle: (
    request: Request,
    leadership: Leadership,
  ) => Answer<Omit<Response, 'header'>> | Promise<Answer<Omit<Response, 'header'>>>,
): UnaryHandler {
  return async (bytes) => {
    const request = method.request.decode(bytes);
    const leadership = requireLeadership(host);
    checkClusterId(host, request);
    const answer = await handle(request, leadership);
    const { clusterId } = host.group.state;
    const message = answer.ok
      ? { header: { clusterId }, ...answer.value }
      : { header: { clusterId, error: answer.error } };
    return method.response.encode(message as Init<Response>);
  };
}

/** The same for calls that make sense only in a cluster that has been bootstrapped. */
export function gatedCluster<Request extends WithHeader, Response>(
  host: ServiceHost,
  method: UnaryMethod<Request, Response>,
  handle: (
    request: Request,
    leadership: Leadership,
    cluster: ClusterMeta,
  ) => Answer<Omit<Response, 'header'>> | Promise<Answer<Omit<Response, 'header'>>>,
): UnaryHandler {
  return gated<Request, Response>(host, method, (request, leadership) => {
    const { cluster } = host.group.state;
    if (cluster === undefined) return { ok: false, error: NOT_BOOTSTRAPPED };
    return handle(request, leadership, cluster);
  });
}

export const NOT_BOOTSTRAPPED: schedulerpb.ErrorInit = {
  type: schedulerpb.ErrorType.NOT_BOOTSTRAPPED,
  message: 'cluster is not bootstrapped',
};

/** TinyKV answers plain Go errors with this status. */
export function unknownError(message: string): KvError {
  return new KvError('UNKNOWN', message);
}

/** For commands whose refusal has no words of its own in the answer. */
export function checkDone(outcome: Outcome): void {
  if (outcome !== 'done') throw unknownError(refusalText(outcome));
}

/** What a refused command says to people. */
export function refusalText(refusal: Refusal): string {
  switch (refusal) {
    case 'already-bootstrapped':
      return 'cluster is already bootstrapped';
    case 'not-bootstrapped':
      return 'cluster is not bootstrapped';
    case 'store-tombstone':
      return 'store is tombstone';
    case 'store-not-found':
      return 'store not found';
    case 'store-not-offline':
      return 'store is not offline';
    case 'store-fenced':
      return 'store was started again';
    case 'address-in-use':
      return 'address is used by another store';
    case 'too-many-stores':
      return 'too many stores are registered';
    case 'bound-moved':
      return 'bound has moved';
    case 'below-safe-point':
      return 'what it asks to be kept is below the safe point';
    case 'too-many-services':
      return 'too many services hold back the safe point';
  }
}
