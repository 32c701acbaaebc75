import {
  type Awaitable,
  EMPTY_BYTES,
  err,
  KvError,
  maxTimestamp,
  ok,
  type Result,
  type Timestamp,
  TS_MAX,
  utf8,
} from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import {
  type ApiMode,
  applyModify,
  describeKeyError,
  INITIAL_EPOCH,
  type Modify,
  type Region,
  type RegionAccess,
  type RegionError,
  type RegionView,
} from '@tinykv/model';
import {
  type PairsAnswer,
  RawExecutor,
  type ScanPair,
  type TxnContext,
  TxnExecutor,
} from '../src/index.js';
import { MemoryEngine } from './memory-engine.js';

export const OLD: TxnContext = {
  regionId: 1,
  epoch: INITIAL_EPOCH,
  peer: undefined,
  term: 0,
  strict: false,
};
export const STRICT: TxnContext = { ...OLD, strict: true };

/** What becomes of a proposal; the unknown ones are only seen to have an end by the test. */
export type Fate = 'applied' | 'unknown-applied' | 'unknown-lost' | RegionError;

export interface HeldProposal {
  readonly modifies: readonly Modify[];
  readonly settle: (fate: Fate) => void;
}

function unknownOutcome(): KvError {
  return new KvError('UNKNOWN', 'the leader changed');
}

/** One Region over a memory engine, with the moments of Raft that matter here in the test's hands. */
export class FakeAccess implements RegionAccess {
  readonly api: ApiMode = 'txn';
  readonly engine = new MemoryEngine();
  region: Region = {
    id: 1,
    range: { start: EMPTY_BYTES, end: EMPTY_BYTES },
    epoch: INITIAL_EPOCH,
    peers: [{ id: 1, storeId: 1, learner: false }],
  };
  term = 1;
  /** Set: proposals wait here until the test says what becomes of them, in any order. */
  held: HeldProposal[] | undefined;
  proposals = 0;
  safePoint = 0n;

  #view(): Result<RegionView, RegionError> {
    const { term, region, engine } = this;
    const confirm = (): Result<void, RegionError> =>
      term === this.term
        ? ok(undefined)
        : err({ type: 'not-leader', regionId: 1, leader: undefined });
    const access = this;
    return ok({
      region,
      term,
      reader: engine,
      snapshot: () => engine.snapshot(),
      get safePoint() {
        return access.safePoint;
      },
      confirm,
    });
  }

  acquireRead(): Promise<Result<RegionView, RegionError>> {
    return Promise.resolve(this.#view());
  }

  acquireWrite(): Promise<Result<RegionView, RegionError>> {
    return Promise.resolve(this.#view());
  }

  async propose(view: RegionView, modifies: readonly Modify[]): Promise<Result<void, RegionError>> {
    this.proposals += 1;
    if (view.term !== this.term) return err({ type: 'stale-command' });
    const fate = await this.#fate(modifies);
    if (fate === 'unknown-lost') throw unknownOutcome();
    if (typeof fate === 'object') return err(fate);
    await this.#apply(modifies);
    if (fate === 'unknown-applied') throw unknownOutcome();
    return ok(undefined);
  }

  #fate(modifies: readonly Modify[]): Promise<Fate> {
    const { held } = this;
    if (held === undefined) return Promise.resolve('applied');
    return new Promise((settle) => {
      held.push({ modifies, settle });
    });
  }

  async #apply(modifies: readonly Modify[]): Promise<void> {
    const batch = this.engine.batch();
    for (const modify of modifies) {
      if (modify.type === 'collect') {
        this.safePoint = maxTimestamp(this.safePoint, modify.safePoint);
      }
      applyModify(this.api, modify, batch);
    }
    await this.engine.write(batch, { sync: false });
  }
}

export interface FakeStore {
  readonly env: FakeEnv;
  readonly access: FakeAccess;
  readonly engine: MemoryEngine;
  readonly txn: TxnExecutor;
  readonly raw: RawExecutor;
}

export function fakeStore(
  env: FakeEnv = fakeEnv(),
  timestamp?: () => Promise<Timestamp>,
): FakeStore {
  const access = new FakeAccess();
  return {
    env,
    access,
    engine: access.engine,
    // All locks count as resolved: the tests know what they do.
    txn: new TxnExecutor(env, access, timestamp, { resolvedUpTo: async () => TS_MAX }),
    raw: new RawExecutor(env, access, timestamp),
  };
}

/** The answer of a command that the store served. */
export async function served<A>(result: Awaitable<Result<A, RegionError>>): Promise<A> {
  const outcome = await result;
  if (!outcome.ok) throw new Error(`refused: ${JSON.stringify(outcome.error)}`);
  return outcome.value;
}

/** The pairs of a scan or batch get that were read. */
export async function pairs(
  result: Awaitable<Result<PairsAnswer, RegionError>>,
): Promise<readonly ScanPair[]> {
  const answer = await served(result);
  if (answer.type === 'key-error') throw new Error(describeKeyError(answer.error));
  return answer.pairs;
}

export function key(text: string): Uint8Array {
  return utf8(text);
}
