import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Member, type MemberEnd, type MemberSpec } from '@tinykv/kvs';
import { HOST, isPortFree, type PortBlock, STORES_MAX } from './ports.js';

export interface ClusterOptions {
  readonly dataDir: string;
  readonly block: PortBlock;
  readonly stores: number;
  readonly gateway: boolean;
  /** Further arguments of every store, such as `--region-max-size 1MB`. */
  readonly storeArgs: readonly string[];
  readonly schedulerArgs: readonly string[];
  readonly onEnd: (member: Member, end: MemberEnd) => void;
}

/** The highest number of a `store-N` folder that is there already. */
export function storesOnDisk(dataDir: string): number {
  if (!existsSync(dataDir)) return 0;
  const numbers = readdirSync(dataDir).map((name) => Number(/^store-(\d+)$/.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers);
}

/** The processes of one playground: a scheduler, stores, a gateway. Restarts nothing by itself. */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #members = new Map<string, Member>();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#add(schedulerSpec(options));
    for (let number = 1; number <= options.stores; number++) this.#add(storeSpec(options, number));
    if (options.gateway) this.#add(gatewaySpec(options));
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  get schedulerAddress(): string {
    return `${HOST}:${this.#options.block.scheduler}`;
  }

  get gatewayAddress(): string {
    return `${HOST}:${this.#options.block.gateway}`;
  }

  member(name: string): Member | undefined {
    return this.#members.get(name);
  }

  get stores(): readonly Member[] {
    return this.members.filter((member) => member.spec.program === 'tinykv-server');
  }

  startAll(): void {
    for (const member of this.members) member.start();
  }

  /** One more store; returns it, or why there cannot be one. */
  async scaleOut(): Promise<Member | string> {
    const number = this.stores.length + 1;
    if (number > STORES_MAX) return `a playground has at most ${STORES_MAX} stores`;
    const spec = storeSpec(this.#options, number);
    const { stores, storeStatus } = this.#options.block;
    for (const port of [stores[number - 1]!, storeStatus[number - 1]!]) {
      if (!(await isPortFree(port))) return `port ${port} for ${spec.name} is taken`;
    }
    const member = this.#add(spec);
    member.start();
    return member;
  }

  /** Clients first, the scheduler last, so that stores can still report while they stop. */
  async stopAll(): Promise<void> {
    for (const member of this.members) member.wake();
    const of = (program: string): Member[] =>
      this.members.filter((member) => member.spec.program === program);
    for (const program of ['tinykv-gateway', 'tinykv-server', 'scheduler']) {
      await Promise.all(of(program).map((member) => member.stop()));
    }
  }

  killAll(): Promise<unknown> {
    return Promise.all(this.members.map((member) => member.kill()));
  }

  #add(spec: MemberSpec): Member {
    const member = new Member(spec, this.#options.onEnd);
    this.#members.set(spec.name, member);
    return member;
  }
}

/** Compiled, also when this file itself runs as source in a test. */
function entryOf(program: string): string {
  return fileURLToPath(new URL(`../../dist/bin/${program}.js`, import.meta.url));
}

function schedulerSpec({ dataDir, block, schedulerArgs }: ClusterOptions): MemberSpec {
  const address = `${HOST}:${block.scheduler}`;
  const statusAddress = `${HOST}:${block.schedulerStatus}`;
  return {
    name: 'scheduler',
    program: 'scheduler',
    entry: entryOf('scheduler'),
    address,
    statusAddress,
    args: [
      `--client-urls=http://${address}`,
      `--status-addr=${statusAddress}`,
      `--data-dir=${join(dataDir, 'scheduler')}`,
      ...schedulerArgs,
    ],
    logFile: join(dataDir, 'logs/scheduler.log'),
  };
}

function storeSpec({ dataDir, block, storeArgs }: ClusterOptions, number: number): MemberSpec {
  const name = `store-${number}`;
  const address = `${HOST}:${block.stores[number - 1]!}`;
  const statusAddress = `${HOST}:${block.storeStatus[number - 1]!}`;
  return {
    name,
    program: 'tinykv-server',
    entry: entryOf('tinykv-server'),
    address,
    statusAddress,
    args: [
      `--scheduler=${HOST}:${block.scheduler}`,
      `--addr=${address}`,
      `--status-addr=${statusAddress}`,
      `--path=${join(dataDir, name)}`,
      '--region-heartbeat-interval=1s',
      '--store-heartbeat-interval=1s',
      ...storeArgs,
    ],
    logFile: join(dataDir, `logs/${name}.log`),
  };
}

function gatewaySpec({ dataDir, block }: ClusterOptions): MemberSpec {
  const address = `${HOST}:${block.gateway}`;
  const statusAddress = `${HOST}:${block.gatewayStatus}`;
  return {
    name: 'gateway',
    program: 'tinykv-gateway',
    entry: entryOf('tinykv-gateway'),
    address,
    statusAddress,
    args: [
      `--scheduler=${HOST}:${block.scheduler}`,
      `--addr=${address}`,
      `--status-addr=${statusAddress}`,
    ],
    logFile: join(dataDir, 'logs/gateway.log'),
  };
}
