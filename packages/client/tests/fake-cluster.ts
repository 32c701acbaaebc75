import {
  compareBytes,
  composeTimestamp,
  equalBytes,
  fromKeyString,
  KvError,
  keyString,
  type NetServer,
  type NetStream,
  type RegionId,
  type StoreId,
  type StreamEvents,
  type Timestamp,
} from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import {
  type ApiMode,
  beforeEnd,
  equalEpochs,
  findPeerOnStore,
  locationKey,
  type Region,
  type RegionError,
  rangeContains,
} from '@tinykv/model';
import {
  batchMethod,
  contextFromWire,
  type Init,
  kvrpcpb,
  metapb,
  regionErrorToWire,
  regionToWire,
  schedulerpb,
  timestampToWire,
  tinykvstream,
  tinykvtxn,
  type UnaryMethod,
} from '@tinykv/proto';
import { answerOf, FakeData } from './fake-data.js';

/** A request as a store got it. */
export interface StoreCall {
  readonly storeId: StoreId;
  readonly method: string;
  readonly context: kvrpcpb.Context;
  // The request message of `method`.
  // biome-ignore lint/suspicious/noExplicitAny: tests look into requests of every kind.
  readonly request: any;
}

/** What a test makes a store do instead of serving a request. */
export type Script =
  | { readonly type: 'region-error'; readonly error: RegionError }
  | { readonly type: 'status'; readonly status: number }
  | { readonly type: 'key-error'; readonly error: kvrpcpb.KeyErrorInit }
  /** Serve it or not, then lose the stream before the answer. */
  | { readonly type: 'lose'; readonly served: boolean }
  | { readonly type: 'hang' };

interface Hosted {
  region: Region;
  leader: StoreId;
}

export const SCHEDULER = 'scheduler:2379';
const CLUSTER_ID = 7;

/** A scheduler and stores that speak the wire protocol and keep everything in maps. */
export class FakeCluster {
  readonly env: FakeEnv = fakeEnv();
  readonly api: ApiMode;
  readonly data: FakeData = new FakeData();
  readonly calls: StoreCall[] = [];
  readonly schedulerCalls: string[] = [];
  /** Counts asked for, one for each Tso request. */
  readonly tsoRequests: number[] = [];
  /** Items per batch message, greetings left out. */
  readonly batches: number[] = [];
  /** Consulted for each request; undefined serves it. */
  script: (call: StoreCall) => Script | undefined = () => undefined;
  /** Whether stores commit in one phase where they are asked to. */
  onePhase = false;
  /** Stores do not choose timestamps for writes of one key. */
  unready = false;
  /** A delete of what is not there leaves no version. */
  deletesNothing = false;
  /** Keys whose latches others have. */
  readonly latched: Set<string> = new Set<string>();
  /** What stores answer to reads of versions. */
  safePoint: Timestamp = 0n;
  /** Stores that leave the locks of async commit where they are asked to. */
  asyncCommit: readonly StoreId[] = [];
  /** What the scheduler answers for a location; undefined: the truth. */
  schedulerSays: ((location: Uint8Array) => Region | undefined) | undefined;
  bootstrapped = true;
  /** Whether the scheduler takes requests for timestamps and does not answer. */
  timestampsHang = false;
  /** Stores end an answer to a KvScan after so many pairs, as they do at its bytes. */
  answerPairsMax: number = Number.POSITIVE_INFINITY;
  /** How long stores keep their answers. */
  answersAfterMs = 0;
  /** Most requests that stores had at once without having answered. */
  inflightPeak = 0;
  #inflight = 0;
  readonly #regions = new Map<RegionId, Hosted>();
  readonly #servers = new Map<StoreId, NetServer>();
  readonly #addresses = new Map<StoreId, string>();
  readonly #tombstones = new Set<StoreId>();
  #scheduler: NetServer | undefined;
  #nextId = 100;
  #physical = 0;
  #logical = 0;

  constructor(api: ApiMode = 'txn') {
    this.api = api;
  }

  /** Three stores and one Region on all of them, led by store 1. */
  static async start(api: ApiMode = 'txn'): Promise<FakeCluster> {
    const cluster = new FakeCluster(api);
    for (const storeId of [1, 2, 3]) await cluster.startStore(storeId, `store${storeId}:20160`);
    const peers = [1, 2, 3].map((id) => ({ id: 10 + id, storeId: id, learner: false }));
    const range = { start: new Uint8Array(0), end: new Uint8Array(0) };
    const region = { id: 1, range, epoch: { confVer: 1, version: 1 }, peers };
    cluster.#regions.set(1, { region, leader: 1 });
    await cluster.startScheduler();
    return cluster;
  }

  async startScheduler(): Promise<void> {
    this.#scheduler = await this.env.net.serve(SCHEDULER, {
      unary: new Map(this.#schedulerHandlers()),
      stream: new Map([[schedulerpb.Scheduler.tso.path, (stream) => this.#serveTso(stream)]]),
    });
  }

  async stopScheduler(): Promise<void> {
    await this.#scheduler?.close(0);
  }

  async startStore(storeId: StoreId, address: string): Promise<void> {
    const stream = new Map([
      [tinykvstream.Batch.commands.path, (s: NetStream) => this.#serveBatch(storeId, s)],
    ]);
    this.#servers.set(storeId, await this.env.net.serve(address, { unary: new Map(), stream }));
    this.#addresses.set(storeId, address);
  }

  async stopStore(storeId: StoreId): Promise<void> {
    await this.#servers.get(storeId)?.close(0);
  }

  /** Stops a store for good: it becomes a tombstone. */
  async removeStore(storeId: StoreId): Promise<void> {
    this.#tombstones.add(storeId);
    await this.stopStore(storeId);
  }

  region(id: RegionId): Region {
    return this.#regions.get(id)!.region;
  }

  leaderOf(id: RegionId): StoreId {
    return this.#regions.get(id)!.leader;
  }

  transferLeader(id: RegionId, storeId: StoreId): void {
    this.#regions.get(id)!.leader = storeId;
  }

  /** Splits at a user key; the new Region is the right one. */
  split(key: Uint8Array, leader: StoreId = 1): RegionId {
    const at = locationKey(this.api, key);
    const old = [...this.#regions.values()].find(({ region }) => rangeContains(region.range, at))!;
    const epoch = { ...old.region.epoch, version: old.region.epoch.version + 1 };
    const { range, peers } = old.region;
    const id = this.#nextId++;
    old.region = { ...old.region, epoch, range: { start: range.start, end: at } };
    const moved = peers.map((peer) => ({ ...peer, id: peer.id + id * 10 }));
    const right = { id, epoch, range: { start: at, end: range.end }, peers: moved };
    this.#regions.set(id, { region: right, leader });
    return id;
  }

  timestamp(count = 1): Timestamp {
    const now = this.env.clock.wall();
    if (now > this.#physical) {
      this.#physical = now;
      this.#logical = 0;
    }
    this.#logical += count;
    return composeTimestamp(this.#physical, this.#logical);
  }

  /** Requests of one method, greetings left out. */
  callsOf(method: string): StoreCall[] {
    return this.calls.filter((call) => call.method === method);
  }

  #schedulerHandlers(): [string, (bytes: Uint8Array) => Promise<Uint8Array>][] {
    const { Scheduler: rpc, ErrorType } = schedulerpb;
    const header = { clusterId: CLUSTER_ID };
    const handle = <Q, S>(method: UnaryMethod<Q, S>, answer: (request: Q) => Init<S>) => {
      const handler = async (bytes: Uint8Array): Promise<Uint8Array> => {
        this.schedulerCalls.push(method.name);
        return method.response.encode({
          header,
          ...answer(method.request.decode(bytes)),
        } as Init<S>);
      };
      return [method.path, handler] as [string, (bytes: Uint8Array) => Promise<Uint8Array>];
    };
    const member = { name: 's', clientUrls: [`http://${SCHEDULER}`] };
    return [
      handle(rpc.getMembers, () => ({ members: [member], leader: member })),
      handle(rpc.getClusterConfig, () => {
        if (this.bootstrapped) return { cluster: { id: CLUSTER_ID, api: this.api } };
        const error = { type: ErrorType.NOT_BOOTSTRAPPED, message: 'cluster is not bootstrapped' };
        return { header: { ...header, error } };
      }),
      handle(rpc.getRegion, ({ regionKey }) => this.#answerRegion(regionKey)),
      handle(rpc.getStore, ({ storeId }) => {
        const address = this.#addresses.get(storeId);
        const state = this.#tombstones.has(storeId) ? metapb.StoreState.Tombstone : 0;
        return address === undefined ? {} : { store: { id: storeId, address, state } };
      }),
      handle(rpc.allocID, () => ({ id: this.#nextId++ })),
    ];
  }

  #answerRegion(location: Uint8Array): schedulerpb.GetRegionResponseInit {
    const said = this.schedulerSays?.(location);
    if (said !== undefined) return { region: regionToWire(said), leader: said.peers[0] };
    const found = [...this.#regions.values()].find(({ region }) =>
      rangeContains(region.range, location),
    );
    if (found === undefined) return {};
    return {
      region: regionToWire(found.region),
      leader: findPeerOnStore(found.region, found.leader),
    };
  }

  #serveTso(stream: NetStream): StreamEvents {
    return {
      onMessage: (message) => {
        const { count } = schedulerpb.TsoRequest.decode(message);
        this.tsoRequests.push(count);
        if (this.timestampsHang) return;
        const timestamp = timestampToWire(this.timestamp(count));
        const header = { clusterId: CLUSTER_ID };
        stream.send(schedulerpb.TsoResponse.encode({ header, count, timestamp }));
      },
      onClose: () => stream.end(),
    };
  }

  #serveBatch(storeId: StoreId, stream: NetStream): StreamEvents {
    return {
      onMessage: (message) => {
        const { items } = tinykvstream.BatchRequest.decode(message);
        const requests = items.filter((item) => item.id !== 0);
        if (requests.length > 0) this.batches.push(requests.length);
        // Backwards: answers may come in any order.
        const answers = items
          .map((item) => this.#serveItem(storeId, stream, item))
          .filter((answer) => answer !== undefined)
          .reverse();
        const answer = (): void => {
          this.#inflight -= requests.length;
          stream.send(tinykvstream.BatchResponse.encode({ items: answers }));
        };
        this.#inflight += requests.length;
        this.inflightPeak = Math.max(this.inflightPeak, this.#inflight);
        if (this.answersAfterMs === 0) answer();
        else this.env.clock.after(this.answersAfterMs, answer);
      },
      onClose: () => stream.end(),
    };
  }

  #serveItem(
    storeId: StoreId,
    stream: NetStream,
    { id, method: number, request: bytes }: tinykvstream.BatchRequestItem,
  ): Init<tinykvstream.BatchResponseItem> | undefined {
    const method = batchMethod(number)!;
    const request = method.request.decode(bytes) as StoreCall['request'];
    const answer = (response: object): Init<tinykvstream.BatchResponseItem> => ({
      id,
      response: method.response.encode(response),
    });
    const context = request.context ?? kvrpcpb.Context.create();
    if (context.regionId === 0) return answer({ regionError: { message: 'no region' } });
    const call: StoreCall = { storeId, method: method.name, context, request };
    this.calls.push(call);
    const script = this.script(call);
    switch (script?.type) {
      case 'hang':
        return undefined;
      case 'lose':
        if (script.served) this.#serve(call);
        stream.destroy({ code: 'UNAVAILABLE', message: 'lost by the test' });
        return undefined;
      case 'status':
        return { id, status: script.status, message: 'by the test' };
      case 'region-error':
        return answer({ regionError: regionErrorToWire(script.error) });
      case 'key-error':
        return answer({ error: script.error, errors: [script.error] });
      default:
        return answer(this.#serve(call));
    }
  }

  #serve(call: StoreCall): object {
    const error = this.#check(call);
    if (error !== undefined) return { regionError: regionErrorToWire(error) };
    const { region } = this.#regions.get(call.context.regionId)!;
    return this.#execute(call, region);
  }

  #check({ storeId, context, request }: StoreCall): RegionError | undefined {
    const { regionId, epoch } = contextFromWire(context);
    const hosted = this.#regions.get(regionId);
    if (hosted === undefined) return { type: 'region-not-found', regionId };
    if (hosted.leader !== storeId) {
      return {
        type: 'not-leader',
        regionId,
        leader: findPeerOnStore(hosted.region, hosted.leader),
      };
    }
    if (epoch === undefined || !equalEpochs(epoch, hosted.region.epoch)) {
      const currentRegions = [...this.#regions.values()].map(({ region }) => region);
      return { type: 'epoch-not-match', currentRegions };
    }
    const keys: Uint8Array[] = [
      ...(request.key === undefined ? [] : [request.key]),
      ...(request.primaryKey === undefined ? [] : [request.primaryKey]),
      ...(request.keys ?? []),
      ...(request.mutations ?? []).map((m: kvrpcpb.Mutation) => m.key),
      ...(request.writes ?? []).map((w: tinykvtxn.OneKeyWrite) => w.key),
    ];
    const outside = keys.find(
      (key) => !rangeContains(hosted.region.range, locationKey(this.api, key)),
    );
    if (outside === undefined) return undefined;
    return { type: 'key-not-in-region', key: outside, region: hosted.region };
  }

  #execute({ method, request, storeId, context }: StoreCall, region: Region): object {
    const { data } = this;
    const rawName = (key: Uint8Array): string => `${request.cf || 'default'}/${keyString(key)}`;
    switch (method) {
      case 'RawGet': {
        const value = data.raw.get(rawName(request.key));
        return value === undefined ? { notFound: true } : { value };
      }
      case 'RawPut':
        data.raw.set(rawName(request.key), new Uint8Array(request.value));
        return {};
      case 'RawPutWithTTL':
        data.raw.set(rawName(request.key), new Uint8Array(request.value));
        data.rawTtls.set(rawName(request.key), request.ttlMs);
        return {};
      case 'RawGetKeyTTL': {
        const name = rawName(request.key);
        return data.raw.has(name) ? { ttlMs: data.rawTtls.get(name) ?? 0 } : { notFound: true };
      }
      case 'RawDelete':
        data.raw.delete(rawName(request.key));
        return {};
      case 'RawCompareAndSwapWithTTL':
      case 'RawCompareAndSwap': {
        const name = rawName(request.key);
        if (request.ttlMs !== undefined) data.rawTtls.set(name, request.ttlMs);
        const previous = data.raw.get(name) ?? new Uint8Array(0);
        const swapped = equalBytes(previous, request.expected);
        if (swapped && request.value.length === 0) data.raw.delete(name);
        else if (swapped) data.raw.set(name, new Uint8Array(request.value));
        return { swapped, previous };
      }
      case 'RawScan': {
        const prefix = rawName(new Uint8Array(0));
        const keys = [...data.raw.keys()]
          .filter((name) => name.startsWith(prefix))
          .map((name) => fromKeyString(name.slice(prefix.length)));
        const kvs = this.#page(keys, request, region).map((key) => ({
          key,
          value: request.keyOnly ? new Uint8Array(0) : data.raw.get(rawName(key))!,
        }));
        return { kvs: kvs.slice(0, request.limit) };
      }
      case 'KvGet': {
        const { error, value } = data.read(request.key, request.version, context?.resolvedLocks);
        return { error, value, notFound: error === undefined && value === undefined };
      }
      case 'KvBatchGet': {
        const keys: readonly Uint8Array[] = request.keys;
        const pairs = keys.map((key) => ({
          key,
          ...data.read(key, request.version, context?.resolvedLocks),
        }));
        return { pairs: pairs.filter(({ error, value }) => error ?? value) };
      }
      case 'KvOneKeyWrite': {
        const { writes, waitForLatches } = request as tinykvtxn.OneKeyWriteRequest;
        const latched = { result: tinykvtxn.OneKeyResult.OneKeyLatched };
        const outcomes = writes.map((write) =>
          !waitForLatches && this.latched.has(keyString(write.key))
            ? latched
            : data.writeOneKey(write, {
                unready: this.unready,
                deletesNothing: this.deletesNothing,
              }),
        );
        return { outcomes };
      }
      case 'KvPessimisticLock':
        return data.lockPessimistically(request);
      case 'KvPessimisticRollback':
        data.unlockPessimistic(request.keys, request.startVersion);
        return {};
      case 'KvGetVersions': {
        const keys: readonly Uint8Array[] = request.keys;
        const versions = keys.map((key) => {
          const read = data.read(key, request.version, context?.resolvedLocks);
          return { key, found: read.value !== undefined, ...read };
        });
        return { versions, safePoint: this.safePoint };
      }
      case 'KvTxnHeartBeat':
        return data.heartBeat(request);
      case 'KvScan': {
        const keys = data.sortedKeys(() => true);
        const pairs = this.#page(keys, request, region)
          .map((key) => ({ key, ...data.read(key, request.version, context?.resolvedLocks) }))
          .filter(({ error, value }) => error !== undefined || value !== undefined);
        return answerOf(pairs, request, this.answerPairsMax);
      }
      case 'KvPrewrite':
        if (this.onePhase && request.tryOnePc) return data.prewriteOnePhase(request);
        return request.useAsyncCommit && this.asyncCommit.includes(storeId)
          ? data.prewriteAsync(request)
          : { errors: data.prewrite(request) };
      case 'KvCheckSecondaryLocks':
        return data.checkSecondaries(request.keys, request.startVersion);
      case 'KvCommit':
        return { error: data.commit(request.keys, request.startVersion, request.commitVersion) };
      case 'KvBatchRollback':
        return { error: data.rollback(request.keys, request.startVersion) };
      case 'KvCheckTxnStatus':
        return data.checkTxnStatus(request);
      case 'KvResolveLock': {
        const { startVersion, commitVersion, keys: named } = request;
        const isNamed = (key: Uint8Array): boolean =>
          named.length === 0 || named.some((each: Uint8Array) => equalBytes(each, key));
        const keys = data.sortedKeys(
          (key) =>
            isNamed(key) &&
            data.at(key).lock?.startTs === startVersion &&
            rangeContains(region.range, locationKey(this.api, key)),
        );
        if (commitVersion === 0n) return { error: data.rollback(keys, startVersion) };
        return { error: data.commit(keys, startVersion, commitVersion) };
      }
      case 'KvScanLock': {
        const isOld = ({ startTs }: { startTs: Timestamp }): boolean =>
          startTs <= request.maxVersion;
        const keys = data.sortedKeys((key) => {
          const { lock } = data.at(key);
          return lock !== undefined && isOld(lock);
        });
        const page = this.#page(keys, { ...request, reverse: false }, region);
        const locks = page.map((key) => data.locked(key, data.at(key).lock!).locked!);
        return { locks: locks.slice(0, request.limit) };
      }
      case 'MvccGetByKey':
        return data.history(request.key);
      default:
        throw new KvError('UNIMPLEMENTED', method);
    }
  }

  #page(
    keys: readonly Uint8Array[],
    request: { startKey: Uint8Array; endKey: Uint8Array; reverse: boolean },
    region: Region,
  ): Uint8Array[] {
    const inside = keys
      .filter((key) => rangeContains(region.range, locationKey(this.api, key)))
      .filter((key) => compareBytes(key, request.startKey) >= 0 && beforeEnd(key, request.endKey))
      .sort(compareBytes);
    return request.reverse ? inside.reverse() : inside;
  }
}
