import { KvError, limits, physicalMs, type Timestamp, type UnaryHandler, utf8 } from '@tinykv/base';
import { type Init, schedulerpb, tinykvadmin } from '@tinykv/proto';
import { gcSettings } from '../gc-keeper.js';
import { schedulerNowMs } from '../scheduler-now.js';
import {
  checkDone,
  gatedCluster,
  led,
  refusalText,
  requireLeadership,
  type ServiceHost,
  unknownError,
} from './gate.js';

const { Scheduler } = schedulerpb;
const { Admin } = tinykvadmin;

/** Calls about the collection of old versions. */
export function gcCalls(host: ServiceHost): ReadonlyMap<string, UnaryHandler> {
  return new Map<string, UnaryHandler>([
    [
      Scheduler.getGCSafePoint.path,
      gatedCluster(host, Scheduler.getGCSafePoint, () => ({
        ok: true,
        value: { safePoint: host.group.state.gc.safePoint },
      })),
    ],
    [
      Scheduler.updateGCSafePoint.path,
      gatedCluster(host, Scheduler.updateGCSafePoint, async ({ safePoint }) => {
        await raiseSafePoint(host, safePoint);
        return { ok: true, value: { newSafePoint: host.group.state.gc.safePoint } };
      }),
    ],
    [Admin.getGCState.path, led(host, Admin.getGCState, () => gcState(host))],
    [
      Admin.reportLocksResolved.path,
      led(host, Admin.reportLocksResolved, async ({ upTo }) => {
        if (upTo > host.group.state.gc.resolved) {
          checkDone(await host.group.propose({ type: 'raise-gc-resolved', upTo }));
        }
        return {};
      }),
    ],
    [
      Admin.updateServiceGCSafePoint.path,
      led(host, Admin.updateServiceGCSafePoint, (request) => updateService(host, request)),
    ],
    [Admin.setGC.path, led(host, Admin.setGC, (request) => setGc(host, request))],
  ]);
}

/** A safe point in the future would refuse every reader, and never go back. */
async function raiseSafePoint(host: ServiceHost, safePoint: Timestamp): Promise<void> {
  if (safePoint <= host.group.state.gc.safePoint) return;
  if (physicalMs(safePoint) > schedulerNowMs(host.env.clock, host.group.state, host.config)) {
    throw unknownError(`safe point ${safePoint} is ahead of the cluster`);
  }
  checkDone(await host.group.propose({ type: 'raise-gc-safe-point', safePoint }));
}

function gcState(host: ServiceHost): Init<tinykvadmin.GetGCStateResponse> {
  const { state } = host.group;
  const { safePoint, resolved, services } = state.gc;
  const { lifeMs, intervalMs } = gcSettings(state, host.config);
  const nowMs = schedulerNowMs(host.env.clock, state, host.config);
  const living = [...services.values()].filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  return {
    safePoint,
    resolvedSafePoint: resolved,
    lifeTimeMs: lifeMs,
    runIntervalMs: intervalMs,
    services: living.map((service) => ({
      serviceId: service.id,
      safePoint: service.safePoint,
      ttlMs: service.expiresAtMs - nowMs,
    })),
  };
}

async function updateService(
  host: ServiceHost,
  { serviceId: id, safePoint, ttlMs }: tinykvadmin.UpdateServiceGCSafePointRequest,
): Promise<Init<tinykvadmin.UpdateServiceGCSafePointResponse>> {
  const { group, env, config } = host;
  if (id === '' || utf8(id).length > limits.gcServiceIdBytesMax) {
    return { error: `a service id has 1 to ${limits.gcServiceIdBytesMax} bytes` };
  }
  if (ttlMs === 0) {
    checkDone(await group.propose({ type: 'remove-gc-service', id }));
    return { safePoint: group.state.gc.safePoint };
  }
  if (ttlMs > limits.gcPeriodMsMax) {
    return { error: `a ttl of ${ttlMs} ms: the most is ${limits.gcPeriodMsMax}` };
  }
  if (group.state.tsoBoundMs === 0) {
    throw new KvError('UNAVAILABLE', 'no timestamp has been served yet');
  }
  const expiresAtMs = schedulerNowMs(env.clock, group.state, config) + ttlMs;
  const service = { id, safePoint, expiresAtMs };
  const outcome = await group.propose({ type: 'set-gc-service', service });
  // What was promised counts only if this member still led when it promised.
  requireLeadership(host);
  const error = outcome === 'done' ? '' : refusalText(outcome);
  return { safePoint: group.state.gc.safePoint, error };
}

async function setGc(
  host: ServiceHost,
  { lifeTimeMs, runIntervalMs }: tinykvadmin.SetGCRequest,
): Promise<Init<tinykvadmin.SetGCResponse>> {
  const settings = { lifeMs: lifeTimeMs, intervalMs: runIntervalMs };
  if (settings.intervalMs === 0) return { error: 'the run interval must be positive' };
  const longest = Math.max(settings.lifeMs, settings.intervalMs);
  if (longest > limits.gcPeriodMsMax) {
    return { error: `a time of ${longest} ms: the most is ${limits.gcPeriodMsMax}` };
  }
  checkDone(await host.group.propose({ type: 'set-gc', settings }));
  return {};
}
