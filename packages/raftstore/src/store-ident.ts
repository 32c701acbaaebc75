import { CodecError, type Env, type KvEngine, KvError } from '@tinykv/base';
import { type SchedulerApi, StoreRefusedError, storeIdentKey } from '@tinykv/model';
import type { RaftStoreConfig } from './config.js';
import { decodeIdent, encodeIdent, NEVER_STARTED, type StoreIdent } from './local-state.js';

/** Bits of a start token that are drawn: two copies of a folder, started alike, get different tokens. */
const DRAWN = 2 ** 20;

/** What is known of the store in this engine; undefined: it has not been given an id yet. */
export function readIdent(engine: KvEngine): StoreIdent | undefined {
  const bytes = engine.get(storeIdentKey);
  if (bytes === undefined) return undefined;
  try {
    return decodeIdent(bytes);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new KvError('DATA_LOSS', `store ident: ${error.message}`, { cause: error });
  }
}

/** The cluster of a store that was registered before, and can therefore start without its scheduler. */
export function registeredCluster(engine: KvEngine): number | undefined {
  const ident = readIdent(engine);
  return ident === undefined || ident.address === '' ? undefined : ident.clusterId;
}

export async function writeIdent(engine: KvEngine, ident: StoreIdent): Promise<void> {
  const batch = engine.batch();
  batch.put(storeIdentKey, encodeIdent(ident));
  await engine.write(batch, { sync: true });
}

/**
 * What this store is, with the token of this start, which is on disk before anybody hears of it. Gives a new
 * store its id. Refuses the folder of another cluster or api, and one that a later start has fenced.
 */
export async function openIdent(
  env: Env,
  engine: KvEngine,
  scheduler: SchedulerApi,
  config: RaftStoreConfig,
): Promise<StoreIdent> {
  const stored = readIdent(engine);
  if (stored !== undefined) checkIdent(stored, scheduler.clusterId);
  const ident = stored ?? (await newIdent(scheduler, config));
  const formerStartToken = ident.startToken;
  const startToken = nextStartToken(env, formerStartToken);
  const started = { ...ident, startToken, formerStartToken };
  env.faults.hit('start-before-its-record');
  await writeIdent(engine, started);
  env.faults.hit('start-recorded');
  return started;
}

function checkIdent(ident: StoreIdent, clusterId: number): void {
  if (ident.clusterId !== clusterId) {
    throw new KvError(
      'FAILED_PRECONDITION',
      `the data folder belongs to cluster ${ident.clusterId}, the scheduler to ${clusterId}`,
    );
  }
  if (ident.fenced !== '') throw new StoreRefusedError('fenced', ident.fenced);
}

async function newIdent(scheduler: SchedulerApi, config: RaftStoreConfig): Promise<StoreIdent> {
  const api = (await scheduler.isBootstrapped()) ? await scheduler.clusterApi() : config.api;
  const storeId = await scheduler.allocId();
  return { clusterId: scheduler.clusterId, storeId, api, ...NEVER_STARTED };
}

/** Greater than every earlier one of this folder. */
function nextStartToken(env: Env, former: number): number {
  return (Math.floor(former / DRAWN) + 1) * DRAWN + env.rng.fork('start token').int(0, DRAWN);
}

/** For the process that a later start has fenced. */
export function fencedBy(
  { storeId, startToken }: StoreIdent,
  newer: { readonly startToken: number; readonly address: string },
): StoreRefusedError {
  return new StoreRefusedError(
    'fenced',
    `store ${storeId} was started again at ${newer.address} ` +
      `(start ${newer.startToken}; this one is ${startToken})`,
  );
}
