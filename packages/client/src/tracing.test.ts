import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  type Context,
  type ContextManager,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { utf8 } from '@tinykv/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { activeTracer } from './tracing.js';

interface Recorded {
  readonly name: string;
  readonly parent: string | undefined;
  readonly attributes: Attributes;
  readonly events: string[];
  error?: string;
  isEnded: boolean;
}

let cluster: FakeCluster;
let client: Client;
let spans: Recorded[];

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise);

/** As much of an SDK as it takes to see what it would be told. */
function register(): void {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, fn, self, ...args) => storage.run(active, () => fn.call(self!, ...args)),
    bind: (_, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  const recordOf = new Map<Span, Recorded>();
  const startSpan = (name: string, options: SpanOptions = {}, from = context.active()): Span => {
    const parent = trace.getSpan(from);
    const record: Recorded = {
      name,
      parent: parent && recordOf.get(parent)?.name,
      attributes: options.attributes ?? {},
      events: [],
      isEnded: false,
    };
    spans.push(record);
    const span = {
      addEvent: (event: string) => record.events.push(event),
      setStatus: ({ message }: { message: string }) => {
        record.error = message;
      },
      end: () => {
        record.isEnded = true;
      },
    } as unknown as Span;
    recordOf.set(span, record);
    return span;
  };
  const startActiveSpan = (name: string, fn: (span: Span) => unknown): unknown => {
    const span = startSpan(name);
    return context.with(trace.setSpan(context.active(), span), () => fn(span));
  };
  const tracer = { startSpan, startActiveSpan } as Tracer;
  context.setGlobalContextManager(manager);
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
}

beforeEach(async () => {
  spans = [];
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

afterEach(() => {
  trace.disable();
  context.disable();
});

describe('spans', () => {
  it('are there for transactions, commits and each request, one within the other', async () => {
    register();
    await run(
      client.txn(async (t) => {
        await t.get(utf8('a'));
        t.put(utf8('a'), utf8('1'));
      }),
    );
    expect(spans.map(({ name, parent }) => [name, parent])).toEqual([
      ['tinykv.txn', undefined],
      ['KvGet', 'tinykv.txn'],
      ['tinykv.commit', 'tinykv.txn'],
      ['KvPrewrite', 'tinykv.commit'],
      ['KvCommit', 'tinykv.commit'],
    ]);
    expect(spans.every(({ isEnded }) => isEnded)).toBe(true);
    expect(spans[1]?.attributes).toEqual({
      'rpc.system.name': 'grpc',
      'rpc.method': 'tinykvpb.TinyKv/KvGet',
      'server.address': 'store1:20160',
      'tinykv.region': 1,
    });
  });

  it('tell of failures and of transactions that are run again', async () => {
    register();
    let runs = 0;
    await run(
      client.txn(async (t) => {
        if (runs++ === 0) {
          const other = await client.txn.begin();
          other.put(utf8('n'), utf8('other'));
          await other.commit();
        }
        t.put(utf8('n'), utf8('mine'));
      }),
    );
    expect(spans[0]).toMatchObject({ name: 'tinykv.txn', events: ['run again'] });
    const failed = spans.filter(({ error }) => error !== undefined);
    expect(failed.map(({ name }) => name)).toEqual(['tinykv.commit']);
  });

  it('cost nothing while nobody has registered a provider', async () => {
    expect(activeTracer()).toBeUndefined();
    await run(client.txn(async (t) => t.put(utf8('a'), utf8('1'))));
    expect(spans).toEqual([]);
  });
});

describe('metrics', () => {
  it('count requests, commits by their outcome, and runs', async () => {
    let runs = 0;
    await run(
      client.txn(async (t) => {
        t.put(utf8('n'), utf8('mine'));
        if (runs++ === 0) await client.txn(async (u) => u.put(utf8('n'), utf8('other')));
      }),
    );
    const { metrics } = cluster.env;
    const commits = (result: string): number =>
      metrics.value('tinykv_client_commit_seconds_count', { result });
    expect([commits('committed'), commits('conflict'), commits('failed')]).toEqual([2, 1, 0]);
    expect(metrics.value('tinykv_client_txn_reruns_total')).toBe(1);
    const prewrites = { method: 'KvPrewrite' };
    expect(metrics.value('tinykv_client_request_seconds_count', prewrites)).toBe(3);
  });
});
