import {
  type Env,
  type KvEngine,
  limits,
  MemoryBudget,
  type StoreId,
  type StreamHandler,
  type Timer,
} from '@tinykv/base';
import type {
  KeyRange,
  Region,
  RegionAccess,
  RegionOperator,
  SchedulerApi,
  StoreStats,
} from '@tinykv/model';
import { tinykvpeer } from '@tinykv/proto';
import type { RaftLog } from '@tinykv/raft';
import { ReplicaLoop } from '@tinykv/replica';
import { RaftRegionAccess, type SpaceGauge } from './access.js';
import { AddressBook } from './address-book.js';
import { AdminApplier } from './admin.js';
import { bootstrapCluster } from './bootstrap.js';
import type { RaftStoreConfig } from './config.js';
import { Endings } from './endings.js';
import type { Envelope } from './envelope.js';
import { PeerLifecycle } from './lifecycle.js';
import type { StoreIdent } from './local-state.js';
import { StoreMachine } from './machine.js';
import { Membership } from './membership.js';
import { Operators } from './operators.js';
import type { Peer } from './peer.js';
import { RangeDestroyer } from './range-destroyer.js';
import { SpaceReclaimer } from './reclaimer.js';
import { recoverPeers } from './recovery.js';
import { PeerRegistry } from './registry.js';
import { RemovalCheck } from './removal-check.js';
import { Reporter } from './reporter.js';
import { Router } from './router.js';
import { SafePointMark } from './safe-point.js';
import { Snapshots } from './snapshots.js';
import { SplitChecker } from './split-check.js';
import { openIdent } from './store-ident.js';
import { storeStats } from './store-stats.js';
import { RaftTransport } from './transport.js';

/** How often Regions are looked at for the space of what they have lost: a compaction of each at most so often. */
const SHRINK_CHECK_MS = 300_000;

/** What a store is built on. */
export interface RaftStoreParts {
  readonly engine: KvEngine;
  readonly log: RaftLog;
  readonly scheduler: SchedulerApi;
  readonly space?: SpaceGauge;
  /** Disk or log failed, or an invariant broke: the process must stop. */
  fatal(error: unknown): void;
}

/** One Region as the status page shows it. */
export interface RegionStatus {
  readonly region: Region;
  readonly peerId: number;
  readonly role: string;
  readonly leader: number;
  readonly term: number;
  readonly committed: number;
  readonly applied: number;
  readonly durableApplied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Bytes of the entries that the log keeps, of those written since the start. */
  readonly logBytes: number;
  readonly approximateBytes: number;
}

/** A store: many Regions over one Raft log and one engine. */
export class RaftStore {
  readonly storeId: StoreId;
  readonly ident: StoreIdent;
  readonly access: RegionAccess;
  readonly safePoint: SafePointMark;
  readonly #env: Env;
  readonly #config: RaftStoreConfig;
  readonly #parts: RaftStoreParts;
  readonly #registry: PeerRegistry;
  readonly #loop: ReplicaLoop;
  /** What the groups of all Regions hold in memory. */
  readonly budget: MemoryBudget;
  readonly #lifecycle: PeerLifecycle;
  readonly #snapshots: Snapshots;
  readonly #removals: RemovalCheck;
  readonly #router: Router;
  readonly #book: AddressBook;
  readonly #transport: RaftTransport;
  readonly #membership: Membership;
  readonly #reporter: Reporter;
  readonly #splitChecker: SplitChecker;
  readonly #operators: Operators;
  readonly #reclaimer: SpaceReclaimer;
  readonly #endings: Endings;
  /** Removes what the store holds of a range, past Raft. */
  readonly ranges: RangeDestroyer;
  readonly #timers: Timer[] = [];
  readonly #startedAt: number;
  #stopped = false;

  /**
   * Opens the store: takes its identity, bootstraps the cluster if it is new, and recovers its peers. A store that
   * was registered before does so without the scheduler.
   */
  static async open(env: Env, parts: RaftStoreParts, config: RaftStoreConfig): Promise<RaftStore> {
    const recovered = await parts.log.open();
    const ident = await openIdent(env, parts.engine, parts.scheduler, config);
    const known = new Set(recovered.map((group) => group.group));
    if (ident.address === '') {
      await bootstrapCluster(env, parts.engine, parts.log, parts.scheduler, ident, config.address);
    }
    const store = new RaftStore(env, parts, config, ident);
    await recoverPeers(
      {
        env,
        engine: parts.engine,
        log: parts.log,
        registry: store.#registry,
        lifecycle: store.#lifecycle,
      },
      recovered,
    );
    env.logger.info('store opened', {
      cluster_id: ident.clusterId,
      store_id: ident.storeId,
      start: ident.startToken,
      api: ident.api,
      regions: store.#registry.peers.size,
      logs: known.size,
    });
    return store;
  }

  private constructor(env: Env, parts: RaftStoreParts, config: RaftStoreConfig, ident: StoreIdent) {
    this.#env = env;
    this.#parts = parts;
    this.#config = config;
    this.ident = ident;
    this.storeId = ident.storeId;
    this.#startedAt = Math.floor(env.clock.wall() / 1000);
    const { engine, scheduler } = parts;
    const registry = new PeerRegistry(ident.storeId, ident.api);
    this.#registry = registry;
    this.safePoint = SafePointMark.load(engine);
    this.access = new RaftRegionAccess(registry, engine, this.safePoint, parts.space);
    this.#book = AddressBook.load(env, engine, scheduler);
    const changed = (peer: Peer): void => this.#reporter.report(peer);
    const damaged = (peer: Peer, reason: string): void => this.#quarantine(peer, reason);
    const machine = new StoreMachine(this.#machineHost());
    this.budget = new MemoryBudget(config.memoryBytes ?? limits.storeMemoryBytesMax);
    this.#endings = new Endings(env.clock, (error) => parts.fatal(error));
    this.#loop = new ReplicaLoop(env, parts.log, machine, config.replica, this.budget);
    const { api } = ident;
    this.#reclaimer = new SpaceReclaimer({ env, engine, api, fatal: (e) => parts.fatal(e) });
    const wiped = (range: KeyRange): void => this.#reclaimer.add(range);
    const lifecycle = new PeerLifecycle(env, engine, this.#loop, registry, wiped);
    this.#lifecycle = lifecycle;
    this.#snapshots = new Snapshots({
      env,
      engine,
      api: ident.api,
      clusterId: ident.clusterId,
      bytesPerSecond: config.snapshotBytesPerSecond,
      registry,
      lifecycle,
      safePoint: this.safePoint,
      resolve: (storeId) => this.#book.resolve(storeId),
      changed,
      damaged,
    });
    this.#removals = new RemovalCheck({
      env,
      scheduler,
      registry,
      destroy: (peer, region) => this.#destroy(peer, region),
    });
    this.#router = new Router({
      now: () => env.clock.mono(),
      registry,
      lifecycle,
      engine,
      reply: (envelope) => this.#transport.send(envelope.to.storeId, [envelope]),
      heardLeader: (peer, { confVer }) => {
        peer.heardAt = env.clock.mono();
        peer.heardConfVer = Math.max(peer.heardConfVer, confVer);
      },
      removed: (peer) => this.#removals.ask(peer),
    });
    this.#transport = new RaftTransport(env, {
      clusterId: ident.clusterId,
      self: { ...ident, address: config.address },
      book: this.#book,
      receive: (envelopes) => this.#receive(envelopes),
      unreachable: (storeId) => this.#unreachable(storeId),
      fenced: (newer) => this.#membership.fenced(newer),
    });
    this.#membership = new Membership({
      env,
      engine,
      scheduler,
      book: this.#book,
      ident,
      address: config.address,
      fatal: (error) => parts.fatal(error),
    });
    this.#reporter = new Reporter(env, scheduler, config, {
      startToken: ident.startToken,
      refused: (error) => this.#membership.refused(error),
    });
    this.#splitChecker = new SplitChecker(env, engine, ident.api, config, scheduler);
    this.#operators = new Operators(env, registry, this.#splitChecker);
    this.ranges = new RangeDestroyer({ env, engine, registry, loop: this.#loop, wiped });
  }

  #machineHost(): ConstructorParameters<typeof StoreMachine>[0] {
    const store = this;
    const { engine, fatal } = this.#parts;
    const admin = new AdminApplier({
      env: this.#env,
      engine,
      registry: this.#registry,
      get lifecycle() {
        return store.#lifecycle;
      },
      changed: (peer) => store.#reporter.report(peer),
      created: (peer) => store.#router.replayVotes(peer),
    });
    return {
      env: this.#env,
      engine,
      api: this.ident.api,
      registry: this.#registry,
      safePoint: this.safePoint,
      get snapshots() {
        return store.#snapshots;
      },
      admin,
      sendTo: (storeId, envelopes) => store.#transport.send(storeId, envelopes),
      roleChanged: (peer) => store.#roleChanged(peer),
      damaged: (peer, reason) => store.#quarantine(peer, reason),
      fatal: (error) => fatal(error),
    };
  }

  /** Handlers of the streams between stores, by method path. */
  streams(): ReadonlyMap<string, StreamHandler> {
    return new Map<string, StreamHandler>([
      [tinykvpeer.Peer.raft.path, (stream) => this.#transport.accept(stream)],
      [tinykvpeer.Peer.snapshot.path, (stream) => this.#snapshots.accept(stream)],
    ]);
  }

  /** Registers with the scheduler, or goes on without it, and begins to take part. */
  async start(): Promise<void> {
    const { scheduler } = this.#parts;
    await this.#membership.begin();
    scheduler.onOperator((operator: RegionOperator) => {
      if (!this.#stopped) this.#operators.handle(operator);
    });
    scheduler.onReportsLost(() => this.#reporter.reportAgain([...this.#leaders()]));
    this.#loop.start();
    this.#every(this.#config.heartbeatCheckMs, () => this.#heartbeat());
    this.#every(this.#config.splitCheckIntervalMs, () => {
      this.#splitChecker.check([...this.#leaders()]);
    });
    this.#reclaimer.start();
    this.#every(SHRINK_CHECK_MS, () => this.#reclaimShrunk());
    this.#heartbeat();
  }

  /** Deletions come by the log, on every replica: those of a database that was flushed, of clients, of GC. */
  #reclaimShrunk(): void {
    for (const { turnover, region } of this.#registry.peers.values()) {
      if (turnover.takeShrunk()) this.#reclaimer.add(region.range);
    }
  }

  #every(ms: number, fn: () => void): void {
    const at = this.#timers.length;
    const again = (): void => {
      this.#timers[at] = this.#env.clock.after(ms, () => {
        if (this.#stopped) return;
        fn();
        again();
      });
    };
    again();
  }

  *#leaders(): Iterable<Peer> {
    for (const peer of this.#registry.peers.values()) if (peer.isLeader) yield peer;
  }

  #heartbeat(): void {
    const now = this.#env.clock.mono();
    const neighbours = new Set<StoreId>();
    for (const peer of this.#registry.peers.values()) {
      for (const { storeId } of peer.region.peers) neighbours.add(storeId);
      if (peer.group.node.lead !== 0) peer.ledAt = now;
      if (peer.isLeader) {
        peer.heardAt = now;
        this.#reporter.report(peer);
      } else if (now - peer.heardAt >= this.#config.staleLeaderMs) {
        peer.heardAt = now;
        // It may have been removed without hearing of it.
        this.#removals.ask(peer);
      }
    }
    this.#transport.keep(neighbours);
    if (this.#membership.isRegistered) this.#reporter.reportStore(() => this.#stats());
  }

  async #stats(): Promise<StoreStats> {
    const { electionTicks, tickMs } = this.#config.replica;
    return storeStats({
      storeId: this.storeId,
      startTime: this.#startedAt,
      space: await this.#env.fs.space(),
      now: this.#env.clock.mono(),
      electionTimeoutMs: electionTicks * tickMs,
      snapshots: this.#snapshots.counts(),
      peers: [...this.#registry.peers.values()],
      isBusy: this.#loop.readOnly !== undefined || this.budget.isFull,
    });
  }

  #roleChanged(peer: Peer): void {
    const { group, region } = peer;
    const lead = group.node.lead;
    this.#env.logger.debug('role', {
      region_id: region.id,
      role: group.node.state,
      leader: lead,
      term: group.node.term,
    });
    if (peer.isLeader) this.#reporter.report(peer);
  }

  #destroy(peer: Peer, region: Region): void {
    this.#endings.add(this.#lifecycle.destroy(peer, region));
  }

  /** A Region's state that can't be read says nothing of what this store has promised: it must stop. */
  #receive(envelopes: readonly Envelope[]): void {
    if (this.#stopped) return;
    try {
      for (const envelope of envelopes) this.#router.receive(envelope);
    } catch (error) {
      this.#parts.fatal(error);
    }
  }

  #quarantine(peer: Peer, reason: string): void {
    this.#endings.add(this.#lifecycle.quarantine(peer, reason));
  }

  #unreachable(storeId: number): void {
    for (const peer of this.#leaders()) {
      const there = peer.region.peers.find((p) => p.storeId === storeId);
      if (there !== undefined) peer.group.node.reportUnreachable(there.id);
    }
  }

  /** Hands leadership to other stores; true once this store leads nothing that another could lead. */
  transferLeaders(): boolean {
    let left = false;
    for (const peer of this.#leaders()) {
      const successor = this.#operators.successor(peer);
      if (successor === undefined) continue;
      left = true;
      if (peer.group.node.leadTransferee === 0) {
        peer.group.node.transferLeader(successor);
        peer.group.touch();
      }
    }
    return !left;
  }

  /** Stops taking part; resolves when nothing is being written any more. Engine and log stay open. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#membership.stop();
    this.#transport.close();
    await this.#splitChecker.stop();
    await this.#reclaimer.stop();
    // The engine and the log stay open for them.
    await this.#endings.done();
    await this.#loop.stop();
    for (const peer of this.#registry.peers.values()) peer.abandon();
    this.#snapshots.close();
    await this.#book.close();
  }

  /** Why the store takes no writes at present, or undefined. */
  get readOnly(): string | undefined {
    return this.#loop.readOnly;
  }

  regions(): RegionStatus[] {
    return [...this.#registry.peers.values()].map((peer) => {
      const { node, storage } = peer.group;
      return {
        region: peer.region,
        peerId: peer.meta.id,
        role: peer.damaged ? 'Damaged' : node.state,
        leader: node.lead,
        term: node.term,
        committed: node.committed,
        applied: peer.group.applied,
        durableApplied: peer.group.durableApplied,
        firstIndex: storage.firstIndex(),
        lastIndex: storage.lastIndex(),
        logBytes: storage.sizes.bytes,
        approximateBytes: peer.approximateBytes,
      };
    });
  }
}
