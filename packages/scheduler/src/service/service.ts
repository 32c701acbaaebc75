import type { ServiceTable } from '@tinykv/base';
import { adminCalls } from './admin-calls.js';
import { clusterCalls } from './cluster-calls.js';
import type { ServiceHost } from './gate.js';
import { gcCalls } from './gc-calls.js';
import { regionCalls } from './region-calls.js';
import { streamCalls } from './streams.js';

/** Every call of schedulerpb.Scheduler and tinykvadmin.Admin. */
export function schedulerService(host: ServiceHost): ServiceTable {
  return {
    unary: new Map([
      ...clusterCalls(host),
      ...gcCalls(host),
      ...regionCalls(host),
      ...adminCalls(host),
    ]),
    stream: streamCalls(host),
  };
}
