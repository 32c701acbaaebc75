import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '@tinykv/base';
import type { FolderLock } from '@tinykv/engine';
import { createEnv } from '@tinykv/env-real';
import { ENGINES, type EngineKind, isEngineKind } from '@tinykv/server';
import { KvsConfigError, KvsStartError } from './errors.js';
import { AdminConnection } from './processes/admin-connection.js';
import { freePorts, HOST } from './processes/free-ports.js';
import { describeEnd, Member, type MemberEnd, type MemberState } from './processes/member.js';
import { waitReady } from './processes/ready.js';
import {
  KINDS,
  type KvsKind,
  type RootRecord,
  schedulerFolder,
  serverFolder,
  takeRoot,
} from './root-folder.js';

export interface KvsServerOptions extends RootRecord {
  readonly root: string;
}

/** One server, a process of its own. */
export interface KvsNode {
  /** `<root>/server-<i>`, where i begins with 1. */
  readonly folder: string;
  /** host:port of TinyKV's gRPC services. */
  readonly address: string;
  /** Undefined when it does not run. */
  readonly pid: number | undefined;
  readonly state: MemberState;
}

/** How long a start may take. */
const READY_MS = 120_000;
const LOG_TAIL_LINES = 5;
/** Compiled, also when this file itself runs as source in a test. */
const ENTRY = fileURLToPath(new URL('../dist/bin/server-process.js', import.meta.url));

/** More processes than this are hardly meant for one machine. */
const NODES_MAX = 16;

/**
 * A server of one or several processes on this machine, which end when this process does. The data stays in the root
 * folder, unless the engine is `memory`, and is served again by the next start.
 */
export class KvsServer {
  readonly #options: KvsServerOptions;
  #members: readonly Member[] = [];
  #lock: FolderLock | undefined;
  #isStarted = false;
  /** What a process ended with that nobody had stopped, while the server started. */
  #failure: string | undefined;
  #endpoint: string | undefined;

  /** Made by {@link KvsServer.builder}. */
  constructor(options: KvsServerOptions) {
    this.#options = options;
  }

  static builder(): KvsServerBuilder {
    return new KvsServerBuilder((options) => new KvsServer(options));
  }

  /** host:port for {@link KvsClient}, `@tinykv/client` and gateways. Only between `start` and `stop`. */
  get endpoint(): string {
    assert(this.#endpoint !== undefined, 'the server is not started');
    return this.#endpoint;
  }

  get nodes(): readonly KvsNode[] {
    const servers = this.#members.filter(({ spec }) => spec.program === 'tinykv-server');
    return servers.map(({ spec, pid, state }, i) => ({
      folder: serverFolder(this.#options.root, i + 1),
      address: spec.address,
      pid,
      state,
    }));
  }

  /**
   * Starts the processes, on free ports of loopback, and resolves once every Region has a leader and all its
   * replicas. Rejects with {@link KvsConfigError} when the root folder was made for something else, and with
   * {@link KvsStartError} when a process ends or two minutes pass before; nothing runs then.
   */
  async start(): Promise<void> {
    assert(!this.#isStarted, 'the server is started once at a time');
    this.#isStarted = true;
    try {
      await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { root, kind, engine, nodes } = this.#options;
    this.#lock = await takeRoot(root, { kind, engine, nodes });
    this.#failure = undefined;
    const ports = await freePorts(kind === 'basic' ? 1 : nodes + 1);
    const onEnd = (member: Member, end: MemberEnd): void => this.#onEnd(member, end);
    this.#members = kind === 'basic' ? this.#basic(ports, onEnd) : this.#raft(ports, onEnd);
    for (const member of this.#members) member.start();
    await this.#waitReady();
    this.#endpoint = this.#members[0]!.spec.address;
  }

  /** Stops all processes, the scheduler last; each is killed when it takes more than twelve seconds. */
  async stop(): Promise<void> {
    const members = this.#members;
    this.#endpoint = undefined;
    await Promise.all(members.slice(1).map((member) => member.stop()));
    await members[0]?.stop();
    this.#members = [];
    await this.#lock?.release();
    this.#lock = undefined;
    this.#isStarted = false;
  }

  #basic([port]: readonly number[], onEnd: (member: Member, end: MemberEnd) => void): Member[] {
    return [this.#member('server-1', 'tinykv-server', port!, ['--raft=false'], onEnd)];
  }

  /** The scheduler first. */
  #raft(
    [schedulerPort, ...ports]: readonly number[],
    onEnd: (member: Member, end: MemberEnd) => void,
  ): Member[] {
    const { root, nodes } = this.#options;
    const scheduler = `${HOST}:${schedulerPort!}`;
    const args = [
      `--client-urls=http://${scheduler}`,
      `--data-dir=${schedulerFolder(root)}`,
      `--max-replicas=${Math.min(nodes, 3)}`,
    ];
    const stores = ports.map((port, i) =>
      this.#member(`server-${i + 1}`, 'tinykv-server', port, [`--scheduler=${scheduler}`], onEnd),
    );
    return [this.#member('scheduler', 'scheduler', schedulerPort!, args, onEnd), ...stores];
  }

  #member(
    name: string,
    program: string,
    port: number,
    args: readonly string[],
    onEnd: (member: Member, end: MemberEnd) => void,
  ): Member {
    const { root, engine } = this.#options;
    const address = `${HOST}:${port}`;
    const own = [
      `--addr=${address}`,
      `--path=${join(root, name)}`,
      `--engine=${engine}`,
      '--region-heartbeat-interval=1s',
      '--store-heartbeat-interval=1s',
    ];
    const isStore = program === 'tinykv-server';
    const spec = {
      name,
      program,
      entry: ENTRY,
      args: [program, ...args, ...(isStore ? own : []), '--status-addr='],
      address,
      statusAddress: '',
      logFile: join(root, 'logs', `${name}.log`),
    };
    return new Member(spec, onEnd);
  }

  #onEnd(member: Member, end: MemberEnd): void {
    if (end.asked) return;
    const tail = member.logTail(LOG_TAIL_LINES);
    this.#failure ??= `${member.spec.name} has ended with ${describeEnd(end)}:\n${tail}`;
  }

  async #waitReady(): Promise<void> {
    // Nothing is reached until the processes are up: each try would be a warning.
    const env = createEnv({ name: 'kvs-server', logLevel: 'error' });
    const admin = new AdminConnection(env, [this.#members[0]!.spec.address]);
    try {
      const missing = await waitReady({
        admin: () => admin.get(),
        stores: this.#options.nodes,
        gatewayStatus: undefined,
        timeoutMs: READY_MS,
        aborted: () => this.#failure !== undefined,
      });
      if (this.#failure !== undefined) throw new KvsStartError(this.#failure);
      if (missing !== undefined) {
        throw new KvsStartError(`not ready after ${READY_MS / 1000} s: ${missing}`);
      }
    } finally {
      admin.close();
      await env.close();
    }
  }
}

/** Made by `KvsServer.builder()`. */
export class KvsServerBuilder {
  readonly #make: (options: KvsServerOptions) => KvsServer;
  #kind: KvsKind = 'raft';
  #engine: EngineKind = 'level';
  #root: string | undefined;
  #nodes: number | undefined;

  constructor(make: (options: KvsServerOptions) => KvsServer) {
    this.#make = make;
  }

  /** `basic`: one store without Raft. `raft`, the default: a scheduler, and stores that replicate. */
  kind(kind: KvsKind): this {
    this.#kind = kind;
    return this;
  }

  /** `level`, the default: LevelDB. `log`: the log-structured engine. `memory`: nothing is kept. */
  engine(engine: EngineKind): this {
    this.#engine = engine;
    return this;
  }

  /** The folder of all that is kept; made when it is not there. Must be given. */
  root(path: string): this {
    this.#root = path;
    return this;
  }

  /** How many servers there are, 1 to 16; default 1 for `basic`, which has no more, 3 for `raft`. */
  nodes(count: number): this {
    this.#nodes = count;
    return this;
  }

  /** Throws {@link KvsConfigError}. */
  build(): KvsServer {
    const kind = this.#kind;
    const engine = this.#engine;
    const root = this.#root;
    if (!KINDS.includes(kind))
      throw new KvsConfigError(`kind ${kind} is none of ${KINDS.join(', ')}`);
    if (!isEngineKind(engine)) {
      throw new KvsConfigError(`engine ${String(engine)} is none of ${ENGINES.join(', ')}`);
    }
    if (root === undefined || root === '') throw new KvsConfigError('no root folder is given');
    const nodes = this.#nodes ?? (kind === 'basic' ? 1 : 3);
    const most = kind === 'basic' ? 1 : NODES_MAX;
    if (!Number.isInteger(nodes) || nodes < 1 || nodes > most) {
      throw new KvsConfigError(`a server of kind ${kind} has 1 to ${most} nodes, not ${nodes}`);
    }
    return this.#make({ kind, engine, root, nodes });
  }
}
