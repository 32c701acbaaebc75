import type { KvEngine, Timestamp, UnaryHandler } from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import { MemoryEngine } from '@tinykv/engine';
import type { RegionAccess } from '@tinykv/model';
import type { Init, UnaryMethod } from '@tinykv/proto';
import { RawExecutor, TxnExecutor } from '@tinykv/txn';
import {
  rangeDestroyer,
  StandaloneAccess,
  standaloneDestroyer,
  tinykvService,
} from '../src/store/index.js';

/** A store of one engine behind the handlers of its service. */
export class StandaloneStore {
  readonly engine: KvEngine = new MemoryEngine();
  readonly access: RegionAccess = new StandaloneAccess(this.engine, 'txn');
  readonly env: FakeEnv = fakeEnv();
  readonly unary: ReadonlyMap<string, UnaryHandler>;

  /** Without a source of timestamps no raw key gets a time to live. */
  constructor(timestamp?: () => Promise<Timestamp>) {
    this.unary = tinykvService(this.env, {
      access: this.access,
      txn: new TxnExecutor(this.env, this.access),
      raw: new RawExecutor(this.env, this.access, timestamp),
      destroyRange: rangeDestroyer(standaloneDestroyer(this.engine, 'txn'), 'txn'),
      requestTimeoutMs: 10_000,
    }).unary;
  }

  async call<Q, S>(method: UnaryMethod<Q, S>, request: Init<Q>): Promise<S> {
    const handler = this.unary.get(method.path);
    if (handler === undefined) throw new Error(`${method.path} is not served`);
    const response = await handler(method.request.encode(request), { address: 'test' });
    return method.response.decode(response);
  }

  /** As {@link call} for a long answer, which gives turns away: the clock hands them out, and no time passes. */
  async ask<Q, S>(method: UnaryMethod<Q, S>, request: Init<Q>): Promise<S> {
    let isOver = false;
    const end = (): void => {
      isOver = true;
    };
    const answer = this.call(method, request);
    answer.then(end, end);
    while (!isOver) {
      await new Promise(setImmediate);
      this.env.clock.runDeferred();
    }
    return answer;
  }
}
