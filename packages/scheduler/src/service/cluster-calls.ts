import { err, isReachable, KvError, limits, ok, type UnaryHandler } from '@tinykv/base';
import type { StoreMeta } from '@tinykv/model';
import {
  apiFromWire,
  regionFromWire,
  schedulerpb,
  storeFromWire,
  storeStatsFromWire,
  storeStatsToWire,
  storeToWire,
} from '@tinykv/proto';
import { isFenced } from '../state.js';
import { compareStarts, fencedText } from '../store-starts.js';
import {
  type Answer,
  checkDone,
  gated,
  gatedCluster,
  refusalText,
  requireLeadership,
  type ServiceHost,
  unknownError,
} from './gate.js';

const { Scheduler, ErrorType } = schedulerpb;
const NOTHING: Answer<object> = ok({});

/** Calls about the cluster and its stores. */
export function clusterCalls(host: ServiceHost): ReadonlyMap<string, UnaryHandler> {
  return new Map<string, UnaryHandler>([
    [Scheduler.getMembers.path, async () => getMembers(host)],
    [Scheduler.bootstrap.path, gated(host, Scheduler.bootstrap, (r) => bootstrap(host, r))],
    [
      Scheduler.isBootstrapped.path,
      gated(host, Scheduler.isBootstrapped, () =>
        ok({ bootstrapped: host.group.state.cluster !== undefined }),
      ),
    ],
    [
      Scheduler.allocID.path,
      gated(host, Scheduler.allocID, async () => ok({ id: await host.ids.allocate() })),
    ],
    [Scheduler.putStore.path, gatedCluster(host, Scheduler.putStore, (r) => putStore(host, r))],
    ...storeReads(host),
    ...clusterConfig(host),
  ]);
}

/** Without a look at the cluster id: this is where clients learn it. */
function getMembers(host: ServiceHost): Uint8Array {
  const { clusterId } = host.group.state;
  if (clusterId === 0) throw new KvError('UNAVAILABLE', 'the cluster has no id yet');
  const { name, clientUrls, peerUrls } = host.config;
  const self: schedulerpb.MemberInit = { name, memberId: 1, clientUrls, peerUrls };
  const leader = host.leadership() === undefined ? undefined : self;
  return schedulerpb.GetMembersResponse.encode({
    header: { clusterId },
    members: [self],
    leader,
    etcdLeader: leader,
  });
}

async function bootstrap(
  host: ServiceHost,
  request: schedulerpb.BootstrapRequest,
): Promise<Answer<object>> {
  const { store } = request;
  if (host.group.state.cluster !== undefined) return alreadyBootstrapped();
  if (store === undefined) throw unknownError('missing store meta for bootstrap');
  if (store.id === 0) throw unknownError('invalid zero store id');
  checkStore(host, store);
  const outcome = await host.group.propose({
    type: 'bootstrap',
    api: request.api === '' ? host.config.api : apiFromWire(request.api),
    maxPeerCount: host.config.maxReplicas,
    store: storeFromWire(store),
    atMs: host.env.clock.wall(),
  });
  if (outcome === 'already-bootstrapped') return alreadyBootstrapped();
  const { cluster } = requireLeadership(host);
  cluster.onStorePut(store.id);
  if (request.region !== undefined) cluster.addBootstrapped(regionFromWire(request.region));
  return NOTHING;
}

function alreadyBootstrapped(): Answer<object> {
  const message = refusalText('already-bootstrapped');
  return err({ type: ErrorType.ALREADY_BOOTSTRAPPED, message });
}

async function putStore(
  host: ServiceHost,
  request: schedulerpb.PutStoreRequest,
): Promise<Answer<object>> {
  const { store } = request;
  if (store === undefined || store.id === 0) throw unknownError('invalid put store: no store id');
  checkStore(host, store);
  const meta = storeFromWire(store);
  const refused = refuseSecond(host, meta);
  if (refused !== undefined) return refused;
  const outcome = await host.group.propose({ type: 'put-store', store: meta });
  if (outcome === 'store-tombstone') return storeTombstone(store.id);
  if (outcome === 'store-fenced') return storeFenced(host, meta, meta.startToken);
  if (outcome === 'address-in-use') throw unknownError(addressInUse(host, meta));
  if (outcome !== 'done') throw unknownError(`store ${store.id}: ${refusalText(outcome)}`);
  requireLeadership(host).cluster.onStorePut(store.id);
  return NOTHING;
}

/** Who has the address, and what to do: the folder of that store may be lost, or the address mistyped. */
function addressInUse(host: ServiceHost, { id, address }: StoreMeta): string {
  const { cluster } = requireLeadership(host);
  const holder = Array.from(cluster.stores()).find(
    (store) => store.address === address && store.id !== id && store.state !== 'tombstone',
  );
  if (holder === undefined) return `store ${id}: ${refusalText('address-in-use')}`;
  const heard = `heard of ${(cluster.silentMs(holder.id) / 1000).toFixed(1)} s ago`;
  return (
    `store ${id}: the address ${address} belongs to store ${holder.id}, ${heard}: start this store at another address, ` +
    `or with the data folder of store ${holder.id}; if that is lost, retire it first (tinykv ctl store offline ${holder.id})`
  );
}

/** A registered store stays, and every other store connects to it, from now on and after each start. */
function checkStore(
  { group }: ServiceHost,
  { id, address }: Pick<StoreMeta, 'id' | 'address'>,
): void {
  if (id > Math.max(limits.foreignStoreIdMax, group.state.idBound)) {
    throw unknownError(`store ${id}: no such id was given out`);
  }
  if (isReachable(address)) return;
  const text = `store ${id}: ${JSON.stringify(address)} is not an address that other stores can reach`;
  throw unknownError(text);
}

/** An answer for a process whose store id may belong to another process. */
function refuseSecond(host: ServiceHost, store: StoreMeta): Answer<object> | undefined {
  const { cluster } = requireLeadership(host);
  const known = cluster.store(store.id);
  const place = cluster.placeOf(store);
  if (known === undefined || place === 'free') return undefined;
  // No waiting makes a stale copy good.
  if (isFenced(store, known)) return storeFenced(host, store, store.startToken);
  const { id, address, startToken = 0 } = known;
  const where = `at ${address} (start ${startToken})`;
  const heard = `heard of ${(cluster.silentMs(id) / 1000).toFixed(1)} s ago`;
  const [type, runs] =
    place === 'taken'
      ? [ErrorType.STORE_RUNS_ELSEWHERE, 'runs']
      : [ErrorType.STORE_MAY_RUN_ELSEWHERE, 'may still run'];
  return refuseStore(host, store, { type, message: `store ${id} ${runs} ${where}, ${heard}` });
}

/** For the older of two starts of the known store. */
function storeFenced(
  host: ServiceHost,
  asking: Pick<StoreMeta, 'id'> & Partial<StoreMeta>,
  older = 0,
): Answer<object> {
  const known = host.group.state.stores.get(asking.id);
  if (known === undefined) throw unknownStore(asking.id);
  const message = fencedText(known, older);
  return refuseStore(host, asking, { type: ErrorType.STORE_FENCED, message });
}

function refuseStore(
  host: ServiceHost,
  { id, address, startToken }: Pick<StoreMeta, 'id'> & Partial<StoreMeta>,
  error: { readonly type: number; readonly message: string },
): Answer<object> {
  host.env.logger.warn('store refused', {
    store_id: id,
    address,
    start: startToken,
    error: error.message,
  });
  return err(error);
}

function storeTombstone(storeId: number): Answer<object> {
  return err({ type: ErrorType.STORE_TOMBSTONE, message: `store ${storeId} is tombstone` });
}

function unknownStore(storeId: number): KvError {
  return unknownError(`invalid store ID ${storeId}, not found`);
}

function storeReads(host: ServiceHost): readonly (readonly [string, UnaryHandler])[] {
  return [
    [
      Scheduler.getStore.path,
      gatedCluster(host, Scheduler.getStore, ({ storeId }, { cluster }) => {
        const store = cluster.store(storeId);
        if (store === undefined) throw unknownStore(storeId);
        const stats = cluster.stats(storeId);
        return ok({
          store: storeToWire(store),
          stats: stats === undefined ? { storeId } : storeStatsToWire(stats),
        });
      }),
    ],
    [
      Scheduler.getAllStores.path,
      gatedCluster(host, Scheduler.getAllStores, (request, { cluster }) => {
        const stores = [...cluster.stores()].filter(
          ({ state }) => !request.excludeTombstoneStores || state !== 'tombstone',
        );
        return ok({ stores: stores.map(storeToWire) });
      }),
    ],
    [
      Scheduler.storeHeartbeat.path,
      gatedCluster(host, Scheduler.storeHeartbeat, ({ stats }, { cluster }) => {
        if (stats === undefined) throw unknownError('invalid store heartbeat: no stats');
        const store = cluster.store(stats.storeId);
        if (store === undefined) throw unknownStore(stats.storeId);
        if (store.state === 'tombstone') return storeTombstone(store.id);
        const report = storeStatsFromWire(stats);
        const { storeId: id, startToken } = report;
        const start = compareStarts(startToken, store);
        if (start === 'older') return storeFenced(host, { id }, startToken);
        // It is taken in by PutStore alone, which looks whether the store runs elsewhere.
        if (start === 'newer')
          throw unknownError(`start ${startToken} of store ${id} is not known`);
        cluster.onStoreHeartbeat(report);
        return ok({});
      }),
    ],
  ];
}

function clusterConfig(host: ServiceHost): readonly (readonly [string, UnaryHandler])[] {
  return [
    [
      Scheduler.getClusterConfig.path,
      gatedCluster(host, Scheduler.getClusterConfig, (_request, _leadership, cluster) => {
        const { api, maxPeerCount } = cluster;
        return ok({ cluster: { id: host.group.state.clusterId, maxPeerCount, api } });
      }),
    ],
    [
      Scheduler.putClusterConfig.path,
      gatedCluster(host, Scheduler.putClusterConfig, async ({ cluster }) => {
        if (cluster === undefined || cluster.id !== host.group.state.clusterId) {
          throw unknownError(`invalid cluster ${cluster?.id ?? 0}`);
        }
        const { maxPeerCount } = cluster;
        if (maxPeerCount === 0 || maxPeerCount > limits.maxPeerCountMax) {
          throw unknownError(`invalid max peer count ${maxPeerCount}`);
        }
        checkDone(await host.group.propose({ type: 'set-max-peer-count', maxPeerCount }));
        return ok({});
      }),
    ],
  ];
}
