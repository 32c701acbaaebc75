import {
  type Counter,
  errorMessage,
  type Histogram,
  KvError,
  limits,
  type NetStream,
  type StreamEvents,
  type StreamHandler,
} from '@tinykv/base';
import type { RegionReport } from '@tinykv/model';
import { ProtoError, reportFromWire, schedulerpb, timestampToWire } from '@tinykv/proto';
import { compareStarts, fencedText } from '../store-starts.js';
import {
  checkClusterId,
  NOT_BOOTSTRAPPED,
  requireLeadership,
  type ServiceHost,
  unknownError,
} from './gate.js';

const { Scheduler, ErrorType } = schedulerpb;

/** Heartbeats that are handled before the turn ends, so that timestamps never wait for a flood of them. */
const HEARTBEATS_PER_TURN = 256;

export function streamCalls(host: ServiceHost): ReadonlyMap<string, StreamHandler> {
  const heartbeats = new HeartbeatQueue(host);
  const sizes = host.env.metrics.histogram(
    'pd_server_handle_tso_batch_size',
    'Timestamps per request.',
  );
  return new Map<string, StreamHandler>([
    [Scheduler.tso.path, (stream) => tsoEvents(host, stream, sizes)],
    [Scheduler.regionHeartbeat.path, (stream) => heartbeats.events(stream)],
  ]);
}

/** Runs a step of a stream; what it throws ends the stream with its code. */
function guard(stream: NetStream, step: () => void): void {
  try {
    step();
  } catch (error) {
    const code = error instanceof KvError ? error.code : 'INTERNAL';
    stream.destroy({ code, message: errorMessage(error) });
  }
}

/** Each request gets one answer, in order; the first failure ends the stream. */
function tsoEvents(host: ServiceHost, stream: NetStream, sizes: Histogram): StreamEvents {
  const handle = (bytes: Uint8Array): void => {
    const request = schedulerpb.TsoRequest.decode(bytes);
    checkClusterId(host, request);
    const { count } = request;
    if (count === 0) throw unknownError('tso count should be positive');
    if (count > limits.tsoCountMax) throw unknownError(`tso count ${count} is too large`);
    sizes.observe(count);
    host.tso.request(stream, count, (result) => {
      if (!result.ok) {
        stream.destroy({ code: result.error.code, message: result.error.message });
        return;
      }
      const { clusterId } = host.group.state;
      const timestamp = timestampToWire(result.value);
      stream.send(schedulerpb.TsoResponse.encode({ header: { clusterId }, count, timestamp }));
    });
  };
  return {
    onMessage: (bytes) => guard(stream, () => handle(bytes)),
    onClose: () => {
      host.tso.forget(stream);
      stream.end();
    },
  };
}

type HeartbeatStatus = 'ok' | 'err' | 'dropped';

interface QueuedHeartbeat {
  readonly stream: NetStream;
  readonly bytes: Uint8Array;
}

/** Region heartbeats of all streams, handled in order, a bounded number a turn. */
class HeartbeatQueue {
  readonly #host: ServiceHost;
  readonly #queue: QueuedHeartbeat[] = [];
  readonly #counters: Readonly<Record<HeartbeatStatus, Counter>>;
  #scheduled = false;

  constructor(host: ServiceHost) {
    this.#host = host;
    const counter = (status: HeartbeatStatus): Counter =>
      host.env.metrics.counter('pd_scheduler_region_heartbeat', 'Region heartbeats.', {
        type: 'report',
        status,
      });
    this.#counters = { ok: counter('ok'), err: counter('err'), dropped: counter('dropped') };
  }

  events(stream: NetStream): StreamEvents {
    return {
      onMessage: (bytes) => this.#push({ stream, bytes }),
      onClose: () => {
        this.#host.streams.unbind(stream);
        stream.end();
      },
    };
  }

  #push(heartbeat: QueuedHeartbeat): void {
    if (this.#queue.length >= limits.regionHeartbeatQueueMax) {
      // Leaders report again within seconds.
      this.#counters.dropped.add();
      return;
    }
    this.#queue.push(heartbeat);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#host.env.clock.defer(() => {
      this.#scheduled = false;
      for (const { stream, bytes } of this.#queue.splice(0, HEARTBEATS_PER_TURN)) {
        guard(stream, () => this.#handle(stream, bytes));
      }
      if (this.#queue.length > 0) this.#schedule();
    });
  }

  #handle(stream: NetStream, bytes: Uint8Array): void {
    const request = schedulerpb.RegionHeartbeatRequest.decode(bytes);
    const { cluster, driver } = requireLeadership(this.#host);
    checkClusterId(this.#host, request);
    if (this.#host.group.state.cluster === undefined) {
      this.#answerError(stream, NOT_BOOTSTRAPPED);
      stream.end();
      return;
    }
    const report = this.#read(stream, request);
    if (report === undefined) return;
    const { storeId } = report.leader;
    const store = cluster.store(storeId);
    if (store === undefined) throw unknownError(`invalid store ID ${storeId}, not found`);
    const { startToken = 0 } = report;
    if (compareStarts(report.startToken, store) === 'older') {
      this.#refuse(stream, fencedText(store, startToken), ErrorType.STORE_FENCED);
      return;
    }
    if (report.region.id === 0) {
      this.#refuse(stream, 'invalid request region');
      return;
    }
    const result = cluster.onRegionHeartbeat(report);
    if (!result.ok) {
      this.#refuse(stream, result.error);
      return;
    }
    // A refused report moves nothing, neither the Region nor the stream by which its store gets its orders.
    this.#host.streams.bind(storeId, stream);
    this.#counters.ok.add();
    driver.dispatch(result.value);
  }

  /** A report that says nonsense of its Region is refused; the stream serves all other Regions of the store. */
  #read(stream: NetStream, request: schedulerpb.RegionHeartbeatRequest): RegionReport | undefined {
    try {
      return reportFromWire(request);
    } catch (error) {
      if (!(error instanceof ProtoError)) throw error;
      this.#refuse(stream, error.message);
      return undefined;
    }
  }

  #refuse(stream: NetStream, message: string, type: number = ErrorType.UNKNOWN): void {
    this.#counters.err.add();
    this.#answerError(stream, { type, message });
  }

  #answerError(stream: NetStream, error: schedulerpb.ErrorInit): void {
    const { clusterId } = this.#host.group.state;
    stream.send(schedulerpb.RegionHeartbeatResponse.encode({ header: { clusterId, error } }));
  }
}
