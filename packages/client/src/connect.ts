// Programs that use this package need not know that its types mention Symbol.asyncDispose.
/// <reference lib="esnext.disposable" preserve="true" />
import type { Env } from '@tinykv/base';
import { createEnv } from '@tinykv/env-real';
import { invalid } from './check-count.js';
import { Client, type ClientOptions } from './client.js';

export interface ConnectOptions extends Omit<ClientOptions, 'onClose'> {
  /** Default: the real world, logging warnings to stderr. */
  readonly env?: Env;
}

/**
 * Connects to a cluster: `await connect({ scheduler: '127.0.0.1:2379' })`. Throws KvError UNAVAILABLE when
 * the scheduler is out of reach, {@link SchedulerError} when the cluster has no store yet.
 */
export async function connect(given: ConnectOptions): Promise<Client> {
  checkGiven(given);
  const { env, ...options } = given;
  if (env !== undefined) return Client.connect(env, options);
  const own = createEnv({ name: 'tinykv-client', logLevel: 'warn' });
  try {
    return await Client.connect(own, { ...options, onClose: () => own.close() });
  } catch (error) {
    await own.close();
    throw error;
  }
}

/** Programs without types may give nothing. */
function checkGiven(given: unknown): void {
  if (typeof given === 'object' && given !== null) return;
  throw invalid('connect is to be given the address of the scheduler: { scheduler: host:port }');
}
