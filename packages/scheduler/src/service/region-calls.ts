import { limits, ok, type UnaryHandler, utf8 } from '@tinykv/base';
import { describeRegion, isEpochStale } from '@tinykv/model';
import { type Init, regionFromWire, regionToWire, schedulerpb } from '@tinykv/proto';
import type { Leadership } from '../leadership.js';
import type { OperatorStatus } from '../operator.js';
import type { RegionInfo } from '../policy/view.js';
import { type Answer, gatedCluster, type ServiceHost, unknownError } from './gate.js';

const { Scheduler, ErrorType } = schedulerpb;

/** Calls about Regions and what is done to them. */
export function regionCalls(host: ServiceHost): ReadonlyMap<string, UnaryHandler> {
  return new Map<string, UnaryHandler>([
    [
      Scheduler.getRegion.path,
      gatedCluster(host, Scheduler.getRegion, ({ regionKey }, { cluster }) =>
        regionAnswer(cluster.regions.find(regionKey)),
      ),
    ],
    [
      Scheduler.getPrevRegion.path,
      gatedCluster(host, Scheduler.getPrevRegion, ({ regionKey }, { cluster }) =>
        regionAnswer(cluster.regions.findPrevious(regionKey)),
      ),
    ],
    [
      Scheduler.getRegionByID.path,
      gatedCluster(host, Scheduler.getRegionByID, ({ regionId }, { cluster }) =>
        regionAnswer(cluster.regions.get(regionId)),
      ),
    ],
    [Scheduler.scanRegions.path, gatedCluster(host, Scheduler.scanRegions, scanRegions)],
    [
      Scheduler.askSplit.path,
      gatedCluster(host, Scheduler.askSplit, (request, leadership) =>
        askSplit(host, request, leadership),
      ),
    ],
    [
      // As in TinyKV: accepted, and nothing comes of it.
      Scheduler.scatterRegion.path,
      async (bytes) => {
        schedulerpb.ScatterRegionRequest.decode(bytes);
        const { clusterId } = host.group.state;
        return schedulerpb.ScatterRegionResponse.encode({ header: { clusterId } });
      },
    ],
    [Scheduler.getOperator.path, gatedCluster(host, Scheduler.getOperator, getOperator)],
  ]);
}

/** A gap is answered by no Region: normal between a split and the first heartbeats of its halves. */
function regionAnswer(
  info: RegionInfo | undefined,
): Answer<Omit<schedulerpb.GetRegionResponse, 'header'>> {
  if (info === undefined) return ok({});
  return ok({ region: regionToWire(info.region), leader: info.leader });
}

function scanRegions(
  request: schedulerpb.ScanRegionsRequest,
  { cluster }: Leadership,
): Answer<Omit<schedulerpb.ScanRegionsResponse, 'header'>> {
  const { startKey, endKey, limit } = request;
  const found = cluster.regions.scan(startKey, endKey, Math.max(0, limit));
  return ok({
    regions: found.map((info) => regionToWire(info.region)),
    // A Region without a known leader has an empty peer here, so that the lists stay aligned.
    leaders: found.map((info) => info.leader ?? {}),
  });
}

/** Ids for a split's new Region and its peers. */
async function askSplit(
  host: ServiceHost,
  request: schedulerpb.AskSplitRequest,
  { cluster }: Leadership,
): Promise<Answer<Omit<schedulerpb.AskSplitResponse, 'header'>>> {
  if (request.region === undefined) throw unknownError('missing region for split');
  const region = regionFromWire(request.region);
  const known = cluster.regions.find(region.range.start);
  if (known === undefined) throw unknownError(`region ${region.id} not found`);
  if (isEpochStale(region.epoch, known.region.epoch)) {
    const text = `invalid ${describeRegion(region)}, we have ${describeRegion(known.region)}`;
    throw unknownError(text);
  }
  if (region.peers.length >= limits.idsPerRequestMax) throw unknownError('too many peers');
  const [newRegionId, ...newPeerIds] = await host.ids.allocateMany(1 + region.peers.length);
  return ok({ newRegionId, newPeerIds });
}

const STATUSES: Readonly<Record<OperatorStatus, number>> = {
  success: schedulerpb.OperatorStatus.SUCCESS,
  timeout: schedulerpb.OperatorStatus.TIMEOUT,
  cancel: schedulerpb.OperatorStatus.CANCEL,
  replace: schedulerpb.OperatorStatus.REPLACE,
  running: schedulerpb.OperatorStatus.RUNNING,
};

function getOperator(
  { regionId }: schedulerpb.GetOperatorRequest,
  { driver }: Leadership,
): Answer<Omit<schedulerpb.GetOperatorResponse, 'header'>> {
  const operator = driver.find(regionId);
  if (operator === undefined) {
    return { ok: false, error: { type: ErrorType.REGION_NOT_FOUND, message: 'Not Found' } };
  }
  const answer: Init<Omit<schedulerpb.GetOperatorResponse, 'header'>> = {
    regionId,
    desc: utf8(operator.desc),
    status: STATUSES[operator.status],
    kind: utf8(operator.kindText),
  };
  return ok(answer);
}
