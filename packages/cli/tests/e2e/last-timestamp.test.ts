import { fromUtf8, type KvError, TS_MAX, utf8 } from '@tinykv/base';
import { kvrpcpb, tinykvpb } from '@tinykv/proto';
import { expect, it } from 'vitest';
import { type LiveCluster, withCluster } from '../scenarios/live-cluster.js';

const { TinyKv } = tinykvpb;
const OLD = utf8('last-timestamp/old');
const NEW = utf8('last-timestamp/new');

type Prewrite = kvrpcpb.PrewriteRequestInit;

/** Every way to ask for a commit timestamp above the greatest one that exists. */
const requests: Readonly<Record<string, Prewrite>> = {
  'one-phase': { tryOnePc: true },
  'async-commit': { useAsyncCommit: true, secondaries: [NEW] },
  'async-commit, with a lower bound': {
    useAsyncCommit: true,
    secondaries: [NEW],
    minCommitTs: TS_MAX,
  },
  pessimistic: { forUpdateTs: TS_MAX },
  plain: {},
  'one-phase, as clients of TinyKV ask': { context: { strict: false }, tryOnePc: true },
};

it('a prewrite at the last timestamp is refused, and damages nothing', {
  timeout: 120_000,
}, async () => {
  const print = (line: string): void => console.log(line);
  const options = { name: 'last-timestamp', stores: 1, gateway: false, portBase: 30_200, print };
  await withCluster(options, async (live) => {
    const client = await live.client();
    try {
      await client.txn(async (txn) => txn.put(OLD, utf8('kept')));
      const [store] = live.cluster.stores;
      const pid = store!.pid;
      for (const [name, extra] of Object.entries(requests)) {
        expect(await prewrite(live, extra), name).toMatch(/abort|retryable|INVALID_ARGUMENT/);
        expect(await read(client, OLD), name).toBe('kept');
        expect(await read(client, NEW), name).toBeUndefined();
      }
      await client.txn(async (txn) => txn.put(NEW, utf8('after')));
      expect(await read(client, NEW)).toBe('after');
      expect(store!.pid).toBe(pid);
    } finally {
      await client.close();
    }
  });
});

/** The store's answer to it: the kind of a key's error, or the code of the call's. */
async function prewrite(live: LiveCluster, extra: Prewrite): Promise<string> {
  const [status] = await live.regions();
  const { region, leader } = status!;
  const request: Prewrite = {
    mutations: [OLD, NEW].map((key) => ({ op: kvrpcpb.Op.Put, key, value: utf8('damage') })),
    primaryLock: OLD,
    startVersion: TS_MAX,
    lockTtl: 3_000,
    ...extra,
    context: {
      ...{ regionId: region.id, regionEpoch: region.epoch, peer: leader!, strict: true },
      ...extra.context,
    },
  };
  const [store] = live.cluster.stores;
  const bytes = TinyKv.kvPrewrite.request.encode(request);
  try {
    const timeout = { timeoutMs: 5_000 };
    const { address } = store!.spec;
    const answer = await live.env.net.call(address, TinyKv.kvPrewrite.path, bytes, timeout);
    const { errors, regionError } = TinyKv.kvPrewrite.response.decode(answer);
    return JSON.stringify({ errors, regionError }, (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
  } catch (error) {
    return (error as KvError).code;
  }
}

async function read(
  client: Awaited<ReturnType<LiveCluster['client']>>,
  key: Uint8Array,
): Promise<string | undefined> {
  const value = await (await client.snapshot()).get(key);
  return value && fromUtf8(value);
}
