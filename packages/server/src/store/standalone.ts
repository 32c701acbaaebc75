import {
  EMPTY_BYTES,
  err,
  type KvEngine,
  type KvSnapshot,
  ok,
  type Result,
  type Timestamp,
} from '@tinykv/base';
import {
  type ApiMode,
  addsValue,
  applyModify,
  INITIAL_EPOCH,
  type Modify,
  type Region,
  type RegionAccess,
  type RegionError,
  type RegionView,
} from '@tinykv/model';
import { SafePointMark, type SpaceGauge } from '@tinykv/raftstore';

/** All keys on one peer, without Raft. */
export const STANDALONE_REGION: Region = {
  id: 1,
  range: { start: EMPTY_BYTES, end: EMPTY_BYTES },
  epoch: INITIAL_EPOCH,
  peers: [{ id: 1, storeId: 1, learner: false }],
};

/**
 * The store of `--raft=false`: one engine, every write synced. There is no other place where a request
 * could belong, so contexts are not looked at.
 */
export class StandaloneAccess implements RegionAccess {
  readonly api: ApiMode;
  readonly #engine: KvEngine;
  readonly safePoint: SafePointMark;
  readonly #view: RegionView;
  readonly #space: SpaceGauge | undefined;

  constructor(engine: KvEngine, api: ApiMode, space?: SpaceGauge) {
    this.#space = space;
    this.api = api;
    this.#engine = engine;
    const mark = SafePointMark.load(engine);
    this.safePoint = mark;
    this.#view = {
      region: STANDALONE_REGION,
      term: 1,
      reader: engine,
      snapshot: (): KvSnapshot => engine.snapshot(),
      get safePoint(): Timestamp {
        return mark.value;
      },
      confirm: () => ok(undefined),
    };
  }

  acquireRead(): Result<RegionView, RegionError> {
    return ok(this.#view);
  }

  acquireWrite(): Result<RegionView, RegionError> {
    return ok(this.#view);
  }

  async propose(
    _view: RegionView,
    modifies: readonly Modify[],
  ): Promise<Result<void, RegionError>> {
    const diskFull = this.#space?.diskFull;
    if (diskFull !== undefined && addsValue(modifies)) {
      return err({ type: 'server-is-busy', reason: diskFull });
    }
    const batch = this.#engine.batch();
    for (const modify of modifies) {
      if (modify.type === 'collect') this.safePoint.collect(modify.safePoint, batch);
      applyModify(this.api, modify, batch);
    }
    await this.#engine.write(batch, { sync: true });
    return ok(undefined);
  }
}
