import { KvError, type NetServer, type NetStream, type StreamEvents } from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import type { RegionReport } from '@tinykv/model';
import { type Init, schedulerpb, timestampToWire, type UnaryMethod } from '@tinykv/proto';

const rpc = schedulerpb.Scheduler;
export const header = { clusterId: 7 };

type Handler = readonly [string, (bytes: Uint8Array) => Promise<Uint8Array>];

export function unary<Q, S>(method: UnaryMethod<Q, S>, answer: (request: Q) => Init<S>): Handler {
  return [
    method.path,
    async (bytes) => method.response.encode(answer(method.request.decode(bytes))),
  ];
}

/** Two members of which one leads; timestamps count up over both. */
export class FakeMembers {
  readonly env: FakeEnv = fakeEnv();
  leader = 'a:1';
  leaderKnown = true;
  /** `address count` of each Tso request. */
  readonly tso: string[] = [];
  readonly beats: schedulerpb.RegionHeartbeatRequest[] = [];
  readonly calls: string[] = [];
  readonly streams: NetStream[] = [];
  servesTso = true;
  more: Handler[] = [];
  readonly #servers = new Map<string, NetServer>();
  #logical = 0;

  async start(address: string): Promise<void> {
    const member = (url: string) => ({ name: url, clientUrls: [`http://${url}`] });
    const handlers: Handler[] = [
      unary(rpc.getMembers, () => ({
        header,
        members: [member('a:1'), member('b:1')],
        leader: this.leaderKnown ? member(this.leader) : undefined,
      })),
      unary(rpc.allocID, () => {
        this.calls.push(address);
        if (address !== this.leader) throw new KvError('UNAVAILABLE', 'not leader');
        return { header, id: 100 };
      }),
      ...this.more,
    ];
    const stream = new Map([
      [rpc.tso.path, (s: NetStream) => this.#serveTso(address, s)],
      [rpc.regionHeartbeat.path, (s: NetStream) => this.#serveBeats(s)],
    ]);
    const services = { unary: new Map(handlers), stream };
    this.#servers.set(address, await this.env.net.serve(address, services));
  }

  async stop(address: string): Promise<void> {
    await this.#servers.get(address)?.close(0);
  }

  #serveTso(address: string, stream: NetStream): StreamEvents {
    return {
      onMessage: (message) => {
        const { count } = schedulerpb.TsoRequest.decode(message);
        this.tso.push(`${address} ${count}`);
        if (!this.servesTso) return;
        this.#logical += count;
        const timestamp = timestampToWire((1n << 30n) + BigInt(this.#logical));
        stream.send(schedulerpb.TsoResponse.encode({ header, count, timestamp }));
      },
      onClose: () => stream.end(),
    };
  }

  #serveBeats(stream: NetStream): StreamEvents {
    this.streams.push(stream);
    return {
      onMessage: (message) =>
        void this.beats.push(schedulerpb.RegionHeartbeatRequest.decode(message)),
      onClose: () => stream.end(),
    };
  }
}

export function reportOf(regionId: number, term = 1): RegionReport {
  const leader = { id: regionId * 10, storeId: 1, learner: false };
  return {
    region: {
      id: regionId,
      range: { start: new Uint8Array(0), end: new Uint8Array(0) },
      epoch: { confVer: 1, version: 1 },
      peers: [leader],
    },
    leader,
    term,
    pendingPeers: [],
    downPeers: [],
    approximateBytes: 10,
    approximateKeys: 1,
  };
}
