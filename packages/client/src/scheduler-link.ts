import { assert, type ClusterId, type Env, errorMessage, KvError, OutageLog } from '@tinykv/base';
import { type Init, schedulerpb, type UnaryMethod } from '@tinykv/proto';
import { Backoff } from './backoff.js';
import { SchedulerError } from './errors.js';
import { WorkScope } from './lifetime.js';
import { noScheduler } from './no-scheduler.js';

interface Headed {
  header: schedulerpb.ResponseHeader | undefined;
}

interface Clustered {
  clusterId: ClusterId;
}

/** What a caller fills in: everything but the header. */
type Body<Q> = Omit<Init<Q>, 'header'>;

const CALL_TIMEOUT_MS = 3_000;
const MEMBERS_TIMEOUT_MS = 1_000;
/** How long a call that may be repeated goes on looking for a scheduler that answers. */
const RETRY_BUDGET_MS = 10_000;

/** Knows the scheduler's members, and talks to their leader. */
export class SchedulerLink {
  readonly clusterId: ClusterId;
  /** The work that goes on over this link. */
  readonly scope: WorkScope = new WorkScope();
  readonly #env: Env;
  /** host:port of every member that was ever named; what was configured comes first. */
  readonly #endpoints: Set<string>;
  #leader: string;
  #refreshing: Promise<Reach> | undefined;
  readonly #outage: OutageLog;

  private constructor(env: Env, endpoints: Iterable<string>, found: Found) {
    this.#env = env;
    this.#endpoints = new Set([...endpoints, ...found.endpoints]);
    this.#leader = found.leader;
    this.clusterId = found.clusterId;
    this.#outage = new OutageLog(env, 'no scheduler member answers');
  }

  /**
   * Asks the endpoints (host:port, with or without `http://`) for the members, up to `retries` more
   * rounds with pauses between them. Throws KvError UNAVAILABLE; with `clusterId` the link is made nevertheless,
   * without further rounds, and finds the leader when it is needed.
   */
  static async connect(
    env: Env,
    endpoints: readonly string[],
    retries: number,
    clusterId?: ClusterId,
  ): Promise<SchedulerLink> {
    const addresses = endpoints.map(withoutScheme);
    assert(addresses.length > 0, 'no scheduler endpoint is given');
    const backoff = new Backoff(env, Number.POSITIVE_INFINITY);
    for (let round = 0; ; round++) {
      try {
        return new SchedulerLink(env, addresses, await findLeader(env, addresses, undefined));
      } catch (error) {
        const isLast = clusterId === undefined && round >= retries;
        if (isLast || !isUnreachable(error)) throw error;
        if (round === 0)
          env.logger.warn('waiting for the scheduler', { error: errorMessage(error) });
        if (clusterId !== undefined) {
          const found = { clusterId, leader: addresses[0]!, endpoints: addresses };
          return new SchedulerLink(env, addresses, found);
        }
      }
      await backoff.pause('scheduler');
    }
  }

  /** host:port. */
  get leader(): string {
    return this.#leader;
  }

  /**
   * Ends calls that are under way, and refuses later ones, with KvError CANCELLED.
   */
  close(): void {
    this.scope.end();
  }

  /**
   * One call to the leader. With `repeat` it is sent again, for a while, when nobody answered. Throws
   * {@link SchedulerError} when the scheduler refuses, else KvError.
   */
  async call<Q, S extends Headed>(
    method: UnaryMethod<Q, S>,
    body: Body<Q>,
    { repeat }: { readonly repeat: boolean },
  ): Promise<S> {
    const request = { ...body, header: { clusterId: this.clusterId } } as Init<Q>;
    const bytes = method.request.encode(request);
    const deadline = this.#env.clock.mono() + RETRY_BUDGET_MS;
    const backoff = new Backoff(this.#env, deadline, undefined, undefined, this.scope);
    for (;;) {
      try {
        const answer = await this.#ask(method.path, bytes);
        return this.#check(method.response.decode(answer));
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        await this.refreshLeader();
        const isAgain = repeat && (await backoff.pause('scheduler'));
        this.scope.check();
        if (!isAgain) throw error;
      }
    }
  }

  /** For calls of our own services, whose requests have no header. */
  async callAdmin<Q extends Clustered, S>(
    method: UnaryMethod<Q, S>,
    body: Omit<Init<Q>, 'clusterId'>,
  ): Promise<S> {
    const bytes = method.request.encode({ ...body, clusterId: this.clusterId } as Init<Q>);
    try {
      const answer = await this.#ask(method.path, bytes);
      return method.response.decode(answer);
    } catch (error) {
      if (isUnreachable(error)) await this.refreshLeader();
      throw error;
    }
  }

  async #ask(path: string, request: Uint8Array): Promise<Uint8Array> {
    this.scope.check();
    const timeout = { timeoutMs: CALL_TIMEOUT_MS };
    return this.scope.race(this.#env.net.call(this.#leader, path, request, timeout));
  }

  /** Asks the members who leads. Never rejects: with no answer the leader stays who it was. */
  refreshLeader(): Promise<Reach> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<Reach> {
    try {
      const finding = findLeader(this.#env, this.#endpoints, this.clusterId, this.scope);
      const found = await this.scope.race(finding);
      this.#outage.worked();
      for (const endpoint of found.endpoints) this.#endpoints.add(endpoint);
      if (found.leader !== this.#leader) {
        this.#env.logger.info('scheduler leader changed', { leader: found.leader });
      }
      this.#leader = found.leader;
      return 'led';
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      if (this.scope.isOver) return 'not-led';
      this.#outage.failed({ error: errorMessage(error) });
      return error instanceof NobodyAnswered ? 'refused' : 'not-led';
    }
  }

  #check<S extends Headed>(response: S): S {
    checkHeader(response.header, this.clusterId);
    return response;
  }
}

/** Throws {@link SchedulerError}, or KvError FAILED_PRECONDITION for an answer of another cluster. */
export function checkHeader(
  header: schedulerpb.ResponseHeader | undefined,
  clusterId: ClusterId,
): void {
  const error = header?.error;
  if (error !== undefined && error.type !== schedulerpb.ErrorType.OK) {
    throw new SchedulerError(error.type, error.message);
  }
  if (header !== undefined && header.clusterId !== clusterId) {
    const text = `mismatch cluster id, need ${clusterId} but got ${header.clusterId}`;
    throw new KvError('FAILED_PRECONDITION', text);
  }
}

/** What came of asking all members: `refused`, by every one of them, so that none can run at its address. */
export type Reach = 'led' | 'not-led' | 'refused';

/** Every member refused the call. */
class NobodyAnswered extends KvError {
  override readonly name = 'NobodyAnswered';
}

interface Found {
  readonly clusterId: ClusterId;
  /** host:port. */
  readonly leader: string;
  readonly endpoints: readonly string[];
}

/** Asks one endpoint after the other; throws what the last one failed with. */
async function findLeader(
  env: Env,
  endpoints: Iterable<string>,
  clusterId: ClusterId | undefined,
  scope?: WorkScope,
): Promise<Found> {
  const { getMembers } = schedulerpb.Scheduler;
  let failure = new KvError('UNAVAILABLE', 'no scheduler endpoint');
  let refusals = 0;
  let answers = 0;
  const members = [...endpoints];
  for (const endpoint of members) {
    scope?.check();
    try {
      const request = getMembers.request.encode({});
      const timeout = { timeoutMs: MEMBERS_TIMEOUT_MS };
      const answer = await env.net
        .call(endpoint, getMembers.path, request, timeout)
        .catch((error: unknown) => {
          if (error instanceof KvError && error.code === 'UNAVAILABLE') refusals++;
          throw error;
        });
      answers++;
      const response = getMembers.response.decode(answer);
      const found = readMembers(response, endpoint);
      if (clusterId === undefined || found.clusterId === clusterId) return found;
      failure = new KvError('FAILED_PRECONDITION', `${endpoint} is of another cluster`);
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      failure = error;
    }
  }
  // Members that answer, and do not lead or are of another cluster, say so themselves.
  if (answers > 0) throw failure;
  const explained = await noScheduler(env, members, failure);
  if (refusals === members.length) throw new NobodyAnswered(explained.code, explained.message);
  throw explained;
}

function readMembers(response: schedulerpb.GetMembersResponse, endpoint: string): Found {
  const clusterId = response.header?.clusterId ?? 0;
  if (clusterId === 0) throw new KvError('UNAVAILABLE', `${endpoint} names no cluster`);
  const leaderUrls = (response.leader?.clientUrls ?? []).map(withoutScheme);
  const leader = leaderUrls.includes(endpoint) ? endpoint : leaderUrls[0];
  if (leader === undefined) throw new KvError('UNAVAILABLE', 'the scheduler has no leader');
  const endpoints = response.members.flatMap((member) => member.clientUrls.map(withoutScheme));
  return { clusterId, leader, endpoints };
}

function withoutScheme(url: string): string {
  return url
    .trim()
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '');
}

function isUnreachable(error: unknown): boolean {
  if (!(error instanceof KvError) || error instanceof SchedulerError) return false;
  return error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED';
}
