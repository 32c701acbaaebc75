import { KvError, type UnaryHandler } from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import { tinykvpb } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { SchedulerClient } from './scheduler-client.js';

let env: FakeEnv;
beforeEach(() => {
  env = fakeEnv();
});

/** The message that a user reads who gives these addresses. */
async function refusal(...endpoints: readonly string[]): Promise<string> {
  let text = 'it connected';
  const connecting = SchedulerClient.connect(env, endpoints, { retries: 10 }).catch(
    (error: unknown) => {
      text = (error as Error).message;
    },
  );
  await env.clock.run(60_000);
  await connecting;
  return text;
}

async function serve(address: string, unary: ReadonlyMap<string, UnaryHandler>): Promise<void> {
  await env.net.serve(address, { unary, stream: new Map() });
}

describe('an address without a scheduler', () => {
  it('is named with the question whether it runs; the log says once that it is waited for', async () => {
    expect(await refusal('nowhere:1', 'no:2')).toBe(
      'cannot reach the scheduler at nowhere:1, no:2; is it running? (cannot reach no:2)',
    );
    expect(env.logger.lines.map(({ message }) => message)).toEqual(['waiting for the scheduler']);
  });

  it('is told for what it is, at once', async () => {
    const refuse = (): Promise<Uint8Array> =>
      Promise.reject(new KvError('INVALID_ARGUMENT', 'no context'));
    await serve('store:1', new Map([[tinykvpb.TinyKv.rawGet.path, refuse]]));
    await serve('other:1', new Map());
    const needed = 'a scheduler is needed, whose port is 2379 by default';
    expect(await refusal('store:1')).toBe(`store:1 is a store, not a scheduler: ${needed}`);
    expect(await refusal('other:1')).toBe(`other:1 is no scheduler: ${needed}`);
    expect(env.logger.lines).toEqual([]);
  });
});
