import { mkdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { Env } from '@tinykv/base';
import { describeEnd, type Member, type MemberEnd, waitReady } from '@tinykv/kvs';
import { EXIT } from '@tinykv/server';
import { Cluster } from './cluster.js';
import { type ControlAnswer, type ControlRequest, serveControl } from './control.js';
import type { TagFolders } from './folders.js';
import type { ChosenPorts } from './ports.js';
import { reportStarts, tombstoneIn } from './progress.js';
import { endpointTable, linesToPaste, readyLine } from './report.js';
import { StoreIds } from './store-ids.js';
import { viewOf } from './view.js';

export interface PlaygroundOptions {
  readonly stores: number;
  readonly folders: TagFolders;
  readonly tag: string;
  readonly portBase: number | undefined;
  readonly gateway: boolean;
  readonly storeArgs: readonly string[];
  readonly schedulerArgs: readonly string[];
  readonly env: Env;
  readonly print: (line: string) => void;
}

const READY_MS = 120_000;
const LOG_TAIL_LINES = 5;

/** A cluster in the foreground, until a signal or a `stop` from another terminal ends it. */
export class Playground {
  readonly #options: PlaygroundOptions;
  readonly #cluster: Cluster;
  readonly #ids: StoreIds;
  /** Resolves with the exit code once something has ended the playground. */
  readonly #stopped: Promise<number>;
  #resolveStopped: (code: number) => void = () => undefined;
  /** Stores of the data folder that are tombstones: they stay out. */
  readonly #retired = new Set<Member>();
  #control: Server | undefined;
  #isReady = false;
  #isStopping = false;

  constructor(options: PlaygroundOptions, ports: ChosenPorts, stores: number) {
    this.#options = options;
    this.#stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
    this.#cluster = new Cluster({
      dataDir: options.folders.dataDir,
      block: ports.block,
      stores,
      gateway: options.gateway,
      storeArgs: options.storeArgs,
      schedulerArgs: options.schedulerArgs,
      onEnd: (member, end) => this.#onEnd(member, end),
    });
    this.#ids = new StoreIds(options.env, this.#cluster.schedulerAddress);
  }

  /** Starts everything, waits until it is ready, then until it is told to stop. Resolves with an exit code. */
  async run(): Promise<number> {
    const { folders, print } = this.#options;
    mkdirSync(folders.home, { recursive: true });
    this.#control = await serveControl(folders.socket, (request) => this.#handle(request));
    const onSignal = (): void => this.#onSignal();
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    process.on('SIGHUP', onSignal);
    this.#cluster.startAll();
    void this.#announceWhenReady();
    const code = await this.#stopped;
    print('stopping');
    await this.#cluster.stopAll();
    this.#ids.close();
    this.#control.close();
    rmSync(folders.socket, { force: true });
    print('stopped');
    return code;
  }

  async #announceWhenReady(): Promise<void> {
    const { print } = this.#options;
    const cluster = this.#cluster;
    const deadline = performance.now() + READY_MS;
    const isOver = (member: Member): boolean =>
      this.#isStopping || this.#retired.has(member) || performance.now() > deadline;
    const started = reportStarts(cluster.members, print, isOver);
    const awaited = (): number => cluster.stores.length - this.#retired.size;
    const missing = await waitReady({
      admin: () => this.#ids.admin.get(),
      get stores() {
        return awaited();
      },
      gatewayStatus: cluster.member('gateway')?.spec.statusAddress,
      timeoutMs: READY_MS,
      aborted: () => this.#isStopping,
    });
    if (this.#isStopping) return;
    if (missing !== undefined) {
      print(`not ready after ${READY_MS / 1000} s: ${missing}`);
      this.#end(EXIT.unavailable);
      return;
    }
    await started;
    const ids = await this.#storeIds();
    this.#isReady = true;
    print(endpointTable(cluster.members, ids));
    for (const line of linesToPaste(cluster, this.#options.tag)) print(line);
    print(readyLine(cluster, ids));
  }

  async #storeIds(): Promise<ReadonlyMap<string, number>> {
    await this.#ids.refresh(this.#cluster.stores.map((member) => member.spec.address));
    return this.#ids.byAddress;
  }

  #onSignal(): void {
    if (!this.#isStopping) {
      this.#end(EXIT.ok);
      return;
    }
    this.#options.print('second signal: killing what is left');
    void this.#cluster.killAll().then(() => process.exit(EXIT.failure));
  }

  #end(code: number): void {
    this.#isStopping = true;
    this.#resolveStopped(code);
  }

  /** Nothing is restarted silently: an end that nobody asked for is said aloud. */
  #onEnd(member: Member, end: MemberEnd): void {
    if (end.asked || this.#isStopping) return;
    const { name } = member.spec;
    const retired = tombstoneIn(member.logTail(1));
    if (retired !== undefined) {
      this.#retired.add(member);
      const folder = join(this.#options.folders.dataDir, name);
      this.#options.print(`${name} stays out: store ${retired} is a Tombstone`);
      this.#options.print(
        `to have a new store in its place: remove ${folder}, then restart ${name}`,
      );
      return;
    }
    this.#options.print(`${name} has ended with ${describeEnd(end)}; the end of its log:`);
    this.#options.print(member.logTail(LOG_TAIL_LINES));
    if (this.#isReady) {
      this.#options.print(`to start it again: tinykv playground restart ${name}`);
      return;
    }
    this.#end(EXIT.failure);
  }

  async #handle(request: ControlRequest): Promise<ControlAnswer> {
    switch (request.command) {
      case 'display':
        return this.#display();
      case 'stop':
        this.#end(EXIT.ok);
        return { ok: true, text: 'stopping' };
      case 'scale-out': {
        const added = await this.#cluster.scaleOut();
        return typeof added === 'string'
          ? { ok: false, text: added }
          : { ok: true, text: `${added.spec.name} starts at ${added.spec.address}` };
      }
      case 'kill':
      case 'restart':
        return this.#killOrRestart(request.command, request.name ?? '');
    }
  }

  async #display(): Promise<ControlAnswer> {
    const { members } = this.#cluster;
    const { tag, folders } = this.#options;
    const view = {
      tag,
      startedIn: process.cwd(),
      dataDir: folders.dataDir,
      scheduler: this.#cluster.schedulerAddress,
      members: members.map(viewOf),
    };
    return { ok: true, text: endpointTable(members, await this.#storeIds()), view };
  }

  async #killOrRestart(command: 'kill' | 'restart', name: string): Promise<ControlAnswer> {
    const ids = await this.#storeIds();
    const idOf = (other: Member): number | undefined => ids.get(other.spec.address);
    const member = this.#cluster.members.find(
      (other) => other.spec.name === name || String(idOf(other)) === name,
    );
    if (member === undefined) {
      const names = this.#cluster.members.map((other) => {
        const id = idOf(other);
        return id === undefined ? other.spec.name : `${other.spec.name} (id ${id})`;
      });
      return { ok: false, text: `there is no ${name}; there are ${names.join(', ')}` };
    }
    const pid = member.pid;
    await member.kill();
    if (command === 'restart') member.start();
    const known = member.spec.name;
    const killed =
      pid === undefined ? `${known} was not running` : `${known} (pid ${pid}) is killed`;
    const text = member.pid === undefined ? killed : `${killed}, started as pid ${member.pid}`;
    this.#options.print(text);
    return { ok: true, text };
  }
}
