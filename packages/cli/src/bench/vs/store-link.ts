import { SchedulerClient } from '@tinykv/client';
import { createEnv, type RealEnv } from '@tinykv/env-real';
import { type ApiMode, locationKey, type RegionWithLeader } from '@tinykv/model';
import { type errorpb, type kvrpcpb, tinykvpb, type UnaryMethod } from '@tinykv/proto';

const TIMEOUT_MS = 10_000;
const TRIES = 20;
const rpc = tinykvpb.TinyKv;

interface Route {
  readonly address: string;
  readonly context: kvrpcpb.ContextInit;
}

interface RawAnswer {
  readonly regionError: errorpb.Error | undefined;
  readonly error: string;
}

/** Unary calls of TinyKV's protocol to the store that leads, all on one connection, as a foreign client makes them. */
export class StoreLink {
  readonly #env: RealEnv;
  readonly #scheduler: SchedulerClient;
  readonly #api: ApiMode;
  #route: Route | undefined;

  private constructor(env: RealEnv, scheduler: SchedulerClient, api: ApiMode) {
    this.#env = env;
    this.#scheduler = scheduler;
    this.#api = api;
  }

  static async connect(scheduler: string): Promise<StoreLink> {
    const env = createEnv({ name: 'tinykv', logLevel: 'error' });
    const client = await SchedulerClient.connect(env, [scheduler]);
    return new StoreLink(env, client, await client.clusterApi());
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<void> {
    await this.#call(key, rpc.rawPut, (context) => ({ context, cf: 'default', key, value }));
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const build = (context: kvrpcpb.ContextInit): kvrpcpb.RawGetRequestInit => {
      return { context, cf: 'default', key };
    };
    const answer = await this.#call(key, rpc.rawGet, build);
    return answer.notFound ? undefined : answer.value;
  }

  async close(): Promise<void> {
    this.#scheduler.close();
    await this.#env.close();
  }

  /** Asks the scheduler again where the leader is when a store says that it is not there. */
  async #call<Q, S extends RawAnswer>(
    key: Uint8Array,
    method: UnaryMethod<Q, S>,
    build: (context: kvrpcpb.ContextInit) => Parameters<typeof method.request.encode>[0],
  ): Promise<S> {
    for (let tries = TRIES; ; tries--) {
      this.#route ??= await this.#locate(key);
      const { address, context } = this.#route;
      const request = method.request.encode(build(context));
      const options = { timeoutMs: TIMEOUT_MS };
      const bytes = await this.#env.net.call(address, method.path, request, options);
      const answer = method.response.decode(bytes);
      if (answer.error !== '') throw new Error(answer.error);
      if (answer.regionError === undefined) return answer;
      if (tries === 1) throw new Error(`no leader: ${answer.regionError.message}`);
      this.#route = undefined;
    }
  }

  async #locate(key: Uint8Array): Promise<Route> {
    const found = await this.#scheduler.getRegion(locationKey(this.#api, key));
    const peer = found?.leader ?? found?.region.peers[0];
    if (found === undefined || peer === undefined) throw new Error('no Region holds the key');
    const { address } = await this.#scheduler.getStore(peer.storeId);
    return { address, context: contextOf(found, peer) };
  }
}

function contextOf(
  { region }: RegionWithLeader,
  peer: kvrpcpb.ContextInit['peer'],
): kvrpcpb.ContextInit {
  return { regionId: region.id, regionEpoch: region.epoch, peer };
}
