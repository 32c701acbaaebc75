import type { StoreId, UnaryHandler } from '@tinykv/base';
import { findPeerOnStore } from '@tinykv/model';
import {
  regionToWire,
  storeStateFromWire,
  storeStatsToWire,
  storeToWire,
  tinykvadmin,
} from '@tinykv/proto';
import type { Leadership } from '../leadership.js';
import { describeStep, type Operator, priorities } from '../operator.js';
import {
  buildOperator,
  buildSplit,
  DRAFT_PEER_ID,
  needsPeerId,
  type Purpose,
} from '../operator-builder.js';
import { canSpare } from '../policy/filters.js';
import type { Plan, RegionInfo } from '../policy/view.js';
import { conditionOf } from '../store-condition.js';
import { led, refusalText, type ServiceHost } from './gate.js';

const { Admin } = tinykvadmin;

/** The calls of `tinykv ctl`. */
export function adminCalls(host: ServiceHost): ReadonlyMap<string, UnaryHandler> {
  return new Map<string, UnaryHandler>([
    [Admin.getRegions.path, led(host, Admin.getRegions, (_request, at) => listRegions(at))],
    [
      Admin.getClusterStatus.path,
      led(host, Admin.getClusterStatus, (_request, at) => clusterStatus(host, at)),
    ],
    [
      Admin.setStoreState.path,
      led(host, Admin.setStoreState, (request) => setStoreState(host, request)),
    ],
    [
      Admin.addOperator.path,
      led(host, Admin.addOperator, async (request, at) => ({
        error: (await addOperator(host, request, at)) ?? '',
      })),
    ],
    [
      Admin.getOperators.path,
      led(host, Admin.getOperators, (_request, at) => listOperators(host, at)),
    ],
    [
      Admin.cancelOperator.path,
      led(host, Admin.cancelOperator, ({ regionId }, { driver }) => ({
        error: driver.cancel(regionId) ? '' : `no operator runs on region ${regionId}`,
      })),
    ],
  ]);
}

function listRegions({ cluster }: Leadership): tinykvadmin.ListRegionsResponseInit {
  return {
    regions: cluster.regions.values().map((info) => ({
      region: regionToWire(info.region),
      leader: info.leader,
      approximateSize: info.approximateBytes,
      approximateKeys: info.approximateKeys,
      pendingPeers: info.pendingPeers,
    })),
  };
}

function clusterStatus(
  host: ServiceHost,
  { cluster }: Leadership,
): tinykvadmin.GetClusterStatusResponseInit {
  const { clusterId, cluster: meta } = host.group.state;
  const stores = Array.from(cluster.stores(), (store) => {
    const counts = cluster.regions.counts(store.id);
    const stats = cluster.stats(store.id);
    const silentMs = cluster.silentMs(store.id);
    return {
      store: storeToWire(store),
      stats: stats && storeStatsToWire(stats),
      regionCount: counts.regionCount,
      leaderCount: counts.leaderCount,
      lastHeartbeatMs: Math.floor(silentMs),
      condition: conditionOf(store.state, silentMs, host.config),
      regionSize: counts.approximateBytes,
    };
  });
  return { clusterId, bootstrapped: meta !== undefined, api: meta?.api ?? '', stores };
}

function listOperators(
  { env }: ServiceHost,
  { driver }: Leadership,
): tinykvadmin.GetOperatorsResponseInit {
  const now = env.clock.mono();
  const running = Array.from(driver.running(), (operator) => operatorInfo(operator, now, now));
  const ended = Array.from(driver.ended(), ({ operator, finishedAt }) =>
    operatorInfo(operator, finishedAt, now),
  );
  return { operators: [...running, ...ended.reverse()] };
}

function operatorInfo(
  operator: Operator,
  endedAt: number,
  now: number,
): tinykvadmin.OperatorInfoInit {
  const { regionId, desc, status, reason, steps, done } = operator;
  return {
    regionId,
    desc,
    status,
    reason,
    steps: steps.map(describeStep),
    done,
    ageMs: Math.floor(operator.ageMs(endedAt)),
    endedMs: Math.floor(now - endedAt),
  };
}

async function setStoreState(
  host: ServiceHost,
  request: tinykvadmin.SetStoreStateRequest,
): Promise<tinykvadmin.SetStoreStateResponseInit> {
  const state = storeStateFromWire(request.state);
  const { storeId } = request;
  if (state === 'tombstone') {
    return { error: 'a store becomes a tombstone by itself once it is offline and drained' };
  }
  const outcome = await host.group.propose({ type: 'set-store-state', storeId, state });
  if (outcome === 'done') return { error: '' };
  if (outcome === 'store-tombstone') return { error: tombstoneText(host, storeId) };
  return { error: `store ${storeId}: ${refusalText(outcome)}` };
}

/** No way leads back from a tombstone; the process at its address may be another store by now. */
function tombstoneText({ group }: ServiceHost, storeId: StoreId): string {
  const { stores } = group.state;
  const address = stores.get(storeId)?.address;
  const heir = Array.from(stores.values()).find(
    (store) => store.state !== 'tombstone' && store.address === address,
  );
  const text = `store ${storeId} is a tombstone: its peers are gone, and it stays one`;
  return heir === undefined
    ? `${text}; a store with an empty data folder can take its address`
    : `${text}; its address ${address} is that of store ${heir.id} now`;
}

/** The reason of a refusal. */
async function addOperator(
  host: ServiceHost,
  request: tinykvadmin.AddOperatorRequest,
  leadership: Leadership,
): Promise<string | undefined> {
  const { regionId, kind, storeId } = request;
  const { cluster, driver } = leadership;
  const region = cluster.regions.get(regionId);
  if (region?.leader === undefined) return `region ${regionId} not found`;
  if (kind === 'split') return driver.add(buildSplit(region, []));
  if (cluster.store(storeId)?.state !== 'up' && kind !== 'remove-peer') {
    return `store ${storeId} is not up`;
  }
  const plan = planOf(region, kind, storeId);
  if (typeof plan === 'string') return plan;
  const purpose: Purpose = { desc: `admin-${kind}`, kind: 'admin', priority: priorities.high };
  const canLead = (id: number): boolean => driver.canLead(id);
  const build = (peerId: number): Operator =>
    buildOperator(plan, purpose, peerId, host.config.learnersFirst, canLead);
  if (!needsPeerId(plan)) return driver.add(build(0));
  return driver.refusalOf(build(DRAFT_PEER_ID)) ?? driver.add(build(await host.ids.allocate()));
}

function planOf(region: RegionInfo, kind: string, storeId: number): Plan | string {
  const peer = findPeerOnStore(region.region, storeId);
  const missing = `region ${region.id} has no peer on store ${storeId}`;
  switch (kind) {
    case 'transfer-leader':
      if (peer === undefined) return missing;
      if (peer.learner) return `peer ${peer.id} is a learner`;
      return {
        type: 'transfer-leader',
        region,
        from: region.leader?.storeId ?? 0,
        to: storeId,
      };
    case 'add-peer':
      if (peer !== undefined) return `region ${region.id} has a peer on store ${storeId}`;
      return { type: 'add-peer', region, to: storeId };
    case 'remove-peer':
      if (peer === undefined) return missing;
      if (region.region.peers.length === 1) return 'it is the only peer';
      if (!canSpare(region, storeId)) return 'the quorum needs this peer';
      return { type: 'remove-peer', region, from: storeId };
    default:
      return `unknown operator ${kind}`;
  }
}
