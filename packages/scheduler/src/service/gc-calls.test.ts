import { fakeEnv } from '@tinykv/base/testing';
import { tinykvadmin } from '@tinykv/proto';
import { expect, it } from 'vitest';
import type { Command } from '../command.js';
import { defaultSchedulerConfig } from '../config.js';
import { SchedulerState } from '../state.js';
import type { ServiceHost } from './gate.js';
import { gcCalls } from './gc-calls.js';

it('a service is not promised anything before the clock of the scheduler runs', async () => {
  const env = fakeEnv();
  const state = new SchedulerState();
  const propose = async (command: Command): Promise<unknown> => state.apply(command);
  const leadership = (): object => ({});
  const config = defaultSchedulerConfig;
  const host = { env, config, group: { state, propose }, leadership } as unknown as ServiceHost;
  const method = tinykvadmin.Admin.updateServiceGCSafePoint;
  const hold = async (): Promise<string> => {
    const bytes = method.request.encode({ serviceId: 'backup', safePoint: 9n, ttlMs: 60_000 });
    const context = {} as Parameters<ReturnType<(typeof calls)['get']> & object>[1];
    return method.response.decode(await calls.get(method.path)!(bytes, context)).error;
  };
  const calls = gcCalls(host);
  // It would be forgotten at once: by that clock it is still 1970.
  await expect(hold()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  state.apply({ type: 'save-tso', boundMs: env.clock.wall() + 3_000 });
  expect(await hold()).toBe('');
  expect(state.gc.services.get('backup')?.expiresAtMs).toBe(env.clock.wall() + 60_000);
});
