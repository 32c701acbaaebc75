import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Prng, type Timestamp, utf8 } from '@tinykv/base';
import type { Member } from '@tinykv/kvs';
import { splitRegions } from '../scenarios/disturb.js';
import { LiveCluster } from '../scenarios/live-cluster.js';
import { guardedPaths } from './guard.js';
import { Inputs } from './inputs.js';
import { type Complaint, Probe } from './probe.js';
import { httpInput, type RespCommand, respCommands, respInput } from './resp-inputs.js';
import { allRpcs, type Rpc } from './schema.js';
import { sendBytes, sendStream, sendUnary } from './senders.js';
import { serverOf } from './targets.js';
import { differingStores, faultsInLog, residentBytes } from './verdict.js';
import type { World } from './world.js';

export interface FuzzOptions {
  readonly seed: number;
  /** Distinct requests of each gRPC method; of each RESP command, and for each status page, a tenth of it. */
  readonly perMethod: number;
  /** Only methods that have this in their path, or `RESP` or `HTTP`. */
  readonly only?: string;
  /**
   * Only methods with a rule, and whatever the rules forbid: data may be destroyed and service may end, but no
   * process, and no handler fails.
   */
  readonly unruled?: boolean;
  readonly portBase: number;
  readonly print: (line: string) => void;
}

export interface FuzzResult {
  readonly seed: number;
  /** Inputs by method, command and page. */
  readonly sent: Readonly<Record<string, number>>;
  readonly answered: number;
  readonly refused: number;
  readonly complaints: readonly Complaint[];
  readonly slowestProbeMs: number;
  readonly probeRounds: number;
  /** Processes that ended. */
  readonly ended: readonly string[];
  readonly faults: readonly string[];
  readonly damagedKeys: readonly string[];
  readonly differingStores: readonly string[];
  readonly grownBytes: Readonly<Record<string, number>>;
}

const STORES = 3;
const REGIONS = 4;
const KEPT_KEYS = 300;
const PARALLEL = 24;
const STREAMS_PARALLEL = 48;
/** Followers apply what was committed last within two heartbeats. */
const SETTLE_MS = 3_000;
const BYTES_SHARE = 10;

/**
 * Sends what a stranger might send to every port of a cluster of real processes, while a probe client uses it. In the
 * end all processes must live, the replicas agree, and the keys of others must be what they were.
 */
export async function fuzzPorts(options: FuzzOptions): Promise<FuzzResult> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tinykv-fuzz-ports-'));
  const live = await LiveCluster.start({
    ...{ name: 'fuzz-ports', stores: STORES, gateway: true, dataDir },
    ...{ portBase: options.portBase, print: options.print },
  });
  let isDone = false;
  try {
    const found = await new FuzzRun(live, options).run();
    await live.stop();
    const names = live.cluster.stores.map(({ spec }) => spec.name);
    const isComparable = found.ended.length === 0 && options.unruled !== true;
    const differing = isComparable ? await differingStores(dataDir, names) : [];
    isDone = found.ended.length === 0 && found.faults.length === 0 && differing.length === 0;
    return { ...found, differingStores: differing };
  } finally {
    if (isDone) rmSync(dataDir, { recursive: true, force: true });
    else await live.abandon();
  }
}

type Found = Omit<FuzzResult, 'differingStores'>;

class FuzzRun {
  readonly #live: LiveCluster;
  readonly #options: FuzzOptions;
  readonly #rpcs = allRpcs();
  readonly #sent: Record<string, number> = {};
  readonly #outcomes = { answered: 0, refused: 0 };
  #world: World | undefined;

  constructor(live: LiveCluster, options: FuzzOptions) {
    this.#live = live;
    this.#options = options;
  }

  async run(): Promise<Found> {
    const { cluster } = this.#live;
    const probe = await Probe.start(this.#live);
    await probe.keep(KEPT_KEYS);
    await splitRegions(this.#live, REGIONS);
    const pids = cluster.members.map(({ pid }) => pid);
    const before = cluster.members.map(residentBytes);
    await this.#bursts(probe);
    const ends = this.#live.unexpectedEnds;
    const isIntact = ends.length === 0 && !this.#isUnruled;
    const damagedKeys = isIntact ? await probe.damaged(KEPT_KEYS) : [];
    await probe.stop();
    await sleep(SETTLE_MS);
    const ended = (): string[] =>
      cluster.members.filter(({ pid }, i) => pid !== pids[i]).map(({ spec }) => spec.name);
    const grown = cluster.members.map((member, i): [string, number] => {
      const bytes = member.pid === undefined ? 0 : residentBytes(member);
      return [member.spec.name, bytes - before[i]!];
    });
    return {
      seed: this.#options.seed,
      sent: this.#sent,
      ...this.#outcomes,
      complaints: probe.complaints,
      slowestProbeMs: probe.slowestMs,
      probeRounds: probe.rounds,
      ended: ended(),
      faults: cluster.members.flatMap(faultsInLog),
      damagedKeys,
      grownBytes: Object.fromEntries(grown),
    };
  }

  get #isUnruled(): boolean {
    return this.#options.unruled === true;
  }

  /** All of them, or as many as the processes outlive. */
  async #bursts(probe: Probe): Promise<void> {
    const { perMethod } = this.#options;
    for (const rpc of this.#rpcs) {
      if (this.#isLeftOut(rpc.path)) continue;
      await this.#burst(probe, rpc.path, perMethod, this.#rpcSender(rpc, await this.#known()));
    }
    if (this.#isUnruled) return;
    const share = Math.ceil(perMethod / BYTES_SHARE);
    const commands = await respCommands(this.#live.cluster.gatewayAddress);
    if (!this.#isLeftOut('RESP')) {
      await this.#burst(probe, 'RESP', share * commands.length, this.#respSender(commands));
    }
    for (const member of this.#live.cluster.members) {
      const name = `HTTP ${member.spec.name}`;
      if (!this.#isLeftOut(name)) await this.#burst(probe, name, share, this.#httpSender(member));
    }
  }

  /** The known state of the cluster now; without rules it may soon be in no state to say. */
  async #known(): Promise<World> {
    if (!this.#isUnruled || this.#world === undefined) this.#world = await worldOf(this.#live);
    return this.#world;
  }

  #isLeftOut(name: string): boolean {
    if (this.#live.unexpectedEnds.length > 0) return true;
    if (this.#isUnruled && !guardedPaths.includes(name)) return true;
    return !name.includes(this.#options.only ?? '');
  }

  /** One kind of input, with the probe at work before, meanwhile and afterwards. */
  async #burst(probe: Probe, name: string, count: number, sender: Sender): Promise<void> {
    let next = 0;
    let isOver = false;
    const worker = async (): Promise<void> => {
      while (next < count) {
        next++;
        this.#outcomes[await sender.send()]++;
      }
    };
    const start = performance.now();
    if (!this.#isUnruled) await probe.round(`(before) ${name}`);
    const probing = this.#isUnruled ? undefined : probe.during(name, () => isOver);
    await Promise.all(Array.from({ length: Math.min(count, sender.parallel) }, worker));
    isOver = true;
    await probing;
    if (!this.#isUnruled) await probe.round(`(after) ${name}`);
    this.#sent[name] = sender.distinct();
    this.#live.print(`${name}: ${count} in ${Math.round(performance.now() - start)} ms`);
  }

  #rpcSender(rpc: Rpc, world: World): Sender {
    const { env, cluster } = this.#live;
    const { seed } = this.#options;
    const plan = { seed, world, rpcs: this.#rpcs };
    const inputs = new Inputs(rpc, plan, { guarded: !this.#isUnruled });
    const addresses =
      serverOf(rpc) === 'scheduler'
        ? [cluster.schedulerAddress]
        : cluster.stores.map(({ spec }) => spec.address);
    const send = rpc.isStream ? sendStream : sendUnary;
    return {
      parallel: rpc.isStream ? STREAMS_PARALLEL : PARALLEL,
      distinct: () => inputs.count,
      send: () => {
        const address = addresses[inputs.count % addresses.length]!;
        return send(env.net, address, rpc.path, inputs.next());
      },
    };
  }

  /** All commands in turn. */
  #respSender(commands: readonly RespCommand[]): Sender {
    const rng = new Prng(this.#options.seed).fork('RESP');
    const address = this.#live.cluster.gatewayAddress;
    let turn = 0;
    return bytesSender(address, () => {
      return respInput(rng, commands[turn++ % commands.length]!, commands);
    });
  }

  #httpSender({ spec }: Member): Sender {
    const rng = new Prng(this.#options.seed).fork(`HTTP ${spec.name}`);
    return bytesSender(spec.statusAddress, () => httpInput(rng));
  }
}

interface Sender {
  readonly parallel: number;
  distinct(): number;
  send(): Promise<'answered' | 'refused'>;
}

function bytesSender(address: string, draw: () => Uint8Array): Sender {
  const seen = new Set<string>();
  return {
    parallel: STREAMS_PARALLEL,
    distinct: () => seen.size,
    send: () => {
      const bytes = draw();
      seen.add(Buffer.from(bytes).toString('latin1'));
      return sendBytes(address, bytes);
    },
  };
}

const TIMESTAMPS = 64;

async function worldOf(live: LiveCluster): Promise<World> {
  const admin = await live.admin();
  const { clusterId, stores } = await admin.clusterStatus();
  const own = new Set(live.cluster.stores.map(({ spec }) => spec.address));
  const real = stores.filter(({ store }) => own.has(store.address));
  const client = await live.client();
  const timestamps: Timestamp[] = [];
  try {
    while (timestamps.length < TIMESTAMPS) timestamps.push(await client.txn.timestamp());
    await client.raw.get(utf8('known'));
  } finally {
    await client.close();
  }
  return {
    clusterId,
    storeIds: real.map(({ store }) => store.id),
    storeAddresses: [...own],
    regions: (await live.regions()).map(({ region, leader }) => {
      return { region, leaderPeerId: leader?.id ?? region.peers[0]!.id };
    }),
    timestamps,
  };
}
