import { type Env, errorMessage, type Histogram, KvError, type UnaryHandler } from '@tinykv/base';
import { type errorpb, type Init, regionErrorToWire, type UnaryMethod } from '@tinykv/proto';
import type { Answer } from '@tinykv/txn';

/** Turns typed handlers into handlers of bytes, with a deadline for each request. */
export class UnaryTable {
  readonly handlers: ReadonlyMap<string, UnaryHandler>;
  readonly #handlers = new Map<string, UnaryHandler>();
  readonly #env: Env;
  readonly #timeoutMs: number;

  constructor(env: Env, timeoutMs: number) {
    this.#env = env;
    this.#timeoutMs = timeoutMs;
    this.handlers = this.#handlers;
  }

  serve<Q, S>(method: UnaryMethod<Q, S>, handle: (request: Q) => Promise<Init<S>>): void {
    const seconds = this.#env.metrics.histogram(
      'tinykv_grpc_request_seconds',
      'Time from the arrival of a request to its answer',
      { method: method.name },
    );
    this.#handlers.set(method.path, async (bytes) => {
      const response = handle(method.request.decode(bytes));
      return method.response.encode(await this.#inTime(method.name, seconds, response));
    });
  }

  /**
   * Past the deadline the client is told that the outcome is unknown, while the command goes on and keeps
   * its latches until it knows its own.
   */
  #inTime<T>(name: string, seconds: Histogram, work: Promise<T>): Promise<T> {
    const { clock, logger } = this.#env;
    const start = clock.mono();
    return new Promise((resolve, reject) => {
      let isLate = false;
      const timer = clock.after(this.#timeoutMs, () => {
        isLate = true;
        const text = `${name}: no outcome within ${this.#timeoutMs} ms, it is unknown`;
        reject(new KvError('DEADLINE_EXCEEDED', text));
      });
      const settle = (): void => {
        timer.cancel();
        seconds.observe((clock.mono() - start) / 1000);
      };
      work.then(
        (value) => {
          settle();
          resolve(value);
        },
        (error: unknown) => {
          settle();
          if (isLate) logger.warn('late failure', { method: name, error: errorMessage(error) });
          else reject(error);
        },
      );
    });
  }
}

interface RegionErrorResponse {
  readonly regionError: errorpb.ErrorInit;
}

/** The response of a command, or one with the Region error alone, which every response has a field for. */
export async function respond<A, R extends object>(
  answer: Answer<A>,
  toWire: (value: A) => R,
): Promise<R | RegionErrorResponse> {
  const outcome = await answer;
  if (outcome.ok) return toWire(outcome.value);
  return { regionError: regionErrorToWire(outcome.error) };
}
