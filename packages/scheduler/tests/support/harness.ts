import type { StreamEvents } from '@tinykv/base';
import { type FakeEnv, fakeEnv, ManualClock, MemoryNetwork } from '@tinykv/base/testing';
import { type Init, schedulerpb, type UnaryMethod } from '@tinykv/proto';
import { type SchedulerConfig, schedulerConfig } from '../../src/config.js';
import { SchedulerMember } from '../../src/member.js';
import { MemoryGroup, SharedLog } from './memory-group.js';

export const ADDRESS = 'scheduler:2379';

/** A scheduler behind a network in memory, on a group without Raft; restarts keep its log. */
export class Harness {
  readonly clock: ManualClock = new ManualClock();
  readonly net: MemoryNetwork = new MemoryNetwork(this.clock);
  readonly log: SharedLog = new SharedLog();
  readonly #config: SchedulerConfig;
  env!: FakeEnv;
  group!: MemoryGroup;
  member!: SchedulerMember;
  #generation = 0;
  #close: (() => Promise<void>) | undefined;

  constructor(config: Partial<SchedulerConfig> = {}) {
    this.#config = schedulerConfig(config);
  }

  get clusterId(): number {
    return this.group.state.clusterId;
  }

  /** Starts the scheduler, or starts it anew as after a crash. */
  async start(): Promise<void> {
    await this.stop();
    const { clock, net } = this;
    this.env = fakeEnv({ clock, net, seed: ++this.#generation });
    this.group = new MemoryGroup(clock, this.log);
    this.member = new SchedulerMember(this.env, this.group, this.#config);
    const server = await net.serve(ADDRESS, this.member.services());
    this.#close = (): Promise<void> => server.close(0);
    const ready = this.member.start();
    this.group.lead();
    await clock.runUntil(ready);
    await clock.settle();
  }

  async stop(): Promise<void> {
    if (this.#close === undefined) return;
    this.member.stop();
    await this.#close();
    this.#close = undefined;
  }

  /** Sends the request with the cluster's id, through encoded bytes. */
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Omit<Init<Request>, 'header'>,
  ): Promise<Response> {
    const header = { clusterId: this.clusterId };
    return this.send(method, { header, ...request } as Init<Request>);
  }

  async send<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Init<Request>,
  ): Promise<Response> {
    const bytes = method.request.encode(request);
    const answer = this.net.call(ADDRESS, method.path, bytes, { timeoutMs: 1_000 });
    return method.response.decode(await this.clock.runUntil(answer));
  }

  /** The error in the header of an answer, as [type, message]. */
  async headerError<Request>(
    method: UnaryMethod<Request, { header: schedulerpb.ResponseHeader | undefined }>,
    request: Omit<Init<Request>, 'header'> = {} as Omit<Init<Request>, 'header'>,
  ): Promise<[number, string] | undefined> {
    const { header } = await this.call(method, request);
    return header?.error && [header.error.type, header.error.message];
  }

  tsoStream(): TestStream<schedulerpb.TsoRequest, schedulerpb.TsoResponse> {
    return new TestStream(this, schedulerpb.Scheduler.tso);
  }

  heartbeatStream(): TestStream<
    schedulerpb.RegionHeartbeatRequest,
    schedulerpb.RegionHeartbeatResponse
  > {
    return new TestStream(this, schedulerpb.Scheduler.regionHeartbeat);
  }

  async bootstrap(): Promise<void> {
    const store = { id: 1, address: 'store:1' };
    await this.call(schedulerpb.Scheduler.bootstrap, { store });
  }
}

interface StreamMethod<Request, Response> {
  readonly path: string;
  readonly request: { encode(message: Init<Request>): Uint8Array };
  readonly response: { decode(bytes: Uint8Array): Response };
}

/** A client's end of a stream: what came, and how it ended. */
export class TestStream<Request, Response> {
  readonly received: Response[] = [];
  /** Code and message, or 'clean'. */
  closed: string | undefined;
  readonly #harness: Harness;
  readonly #method: StreamMethod<Request, Response>;
  readonly #stream: ReturnType<MemoryNetwork['open']>;

  constructor(harness: Harness, method: StreamMethod<Request, Response>) {
    this.#harness = harness;
    this.#method = method;
    const events: StreamEvents = {
      onMessage: (bytes) => void this.received.push(method.response.decode(bytes)),
      onClose: (error) => {
        this.closed = error === undefined ? 'clean' : `${error.code}: ${error.message}`;
      },
    };
    this.#stream = harness.net.open(ADDRESS, method.path, events);
  }

  /** With the cluster's id, unless the request has a header of its own. */
  send(request: Init<Request>): void {
    const header = { clusterId: this.#harness.clusterId };
    this.#stream.send(this.#method.request.encode({ header, ...request } as Init<Request>));
  }

  end(): void {
    this.#stream.end();
  }
}
