import {
  type Awaitable,
  type Caller,
  type Env,
  errorMessage,
  type Histogram,
  InvariantError,
  KvError,
  limits,
  type Result,
  type UnaryHandler,
  whenReady,
} from '@tinykv/base';
import { describeRegionError, type RegionError } from '@tinykv/model';
import { type errorpb, type Init, regionErrorToWire, type UnaryMethod } from '@tinykv/proto';
import { Deadlines } from './deadlines.js';
import { EncodedAnswer } from './encoded-answer.js';

/** Turns typed handlers into handlers of bytes, with a deadline for each request that has to wait. */
export class UnaryTable {
  readonly handlers: ReadonlyMap<string, UnaryHandler>;
  readonly #handlers = new Map<string, UnaryHandler>();
  readonly #env: Env;
  readonly #timeoutMs: number;
  readonly #deadlines: Deadlines;

  constructor(env: Env, timeoutMs: number) {
    this.#env = env;
    this.#timeoutMs = timeoutMs;
    this.#deadlines = new Deadlines(env.clock, timeoutMs);
    this.handlers = this.#handlers;
  }

  serve<Q, S>(
    method: UnaryMethod<Q, S>,
    handle: (request: Q, caller: Caller) => Awaitable<Init<S> | EncodedAnswer<S>>,
  ): void {
    const { clock } = this.#env;
    const seconds = this.#env.metrics.histogram(
      'tinykv_grpc_request_seconds',
      'Time from the arrival of a request to its answer',
      { method: method.name },
    );
    this.#handlers.set(method.path, (bytes, caller) => {
      const startedAt = clock.mono();
      const response = handle(method.request.decode(bytes), caller);
      if (response instanceof Promise) {
        return this.#inTime(method, seconds, startedAt, response);
      }
      seconds.observe((clock.mono() - startedAt) / 1000);
      return encodeAnswer(method, response);
    });
  }

  /**
   * Past the deadline the client is told that the outcome is unknown, while the command goes on and keeps
   * its latches until it knows its own.
   */
  #inTime<Q, S>(
    method: UnaryMethod<Q, S>,
    seconds: Histogram,
    startedAt: number,
    work: Promise<Init<S> | EncodedAnswer<S>>,
  ): Promise<Uint8Array> {
    const { clock, logger } = this.#env;
    const { name } = method;
    return new Promise((resolve, reject) => {
      let isLate = false;
      const deadline = this.#deadlines.begin(startedAt, () => {
        isLate = true;
        const text = `${name}: no outcome within ${this.#timeoutMs} ms, it is unknown`;
        reject(new KvError('DEADLINE_EXCEEDED', text));
      });
      const settle = (): void => {
        deadline.end();
        seconds.observe((clock.mono() - startedAt) / 1000);
      };
      const fail = (error: unknown): void => {
        if (isLate) logger.warn('late failure', { method: name, error: errorMessage(error) });
        else reject(error);
      };
      work.then(
        (value) => {
          settle();
          try {
            resolve(encodeAnswer(method, value));
          } catch (error) {
            fail(error);
          }
        },
        (error: unknown) => {
          settle();
          fail(error);
        },
      );
    });
  }
}

/**
 * An answer that cannot be encoded is the store's fault, not the request's: its caller learns INTERNAL. One that
 * no message carries must not reach the transport, where it would end the stream of everyone else's answers.
 */
function encodeAnswer<Q, S>(
  { name, response }: UnaryMethod<Q, S>,
  answer: Init<S> | EncodedAnswer<S>,
): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = answer instanceof EncodedAnswer ? answer.finish() : response.encode(answer);
  } catch (error) {
    throw new InvariantError(`${name}: the answer cannot be encoded: ${errorMessage(error)}`);
  }
  if (bytes.length <= limits.answerBytesMax) return bytes;
  const text = `${name}: answer of ${bytes.length} bytes: the most is ${limits.answerBytesMax}`;
  throw new KvError('RESOURCE_EXHAUSTED', text);
}

interface RegionErrorResponse {
  readonly regionError: errorpb.ErrorInit;
}

/**
 * The response of a command, or one with the Region error alone, which every response has a field for. `refuse` is
 * for a client of TinyKV: it takes a Region error that has no field in TinyKV for a passing one, and would send for
 * ever what no log entry can hold.
 */
export function respond<A, R extends object>(
  answer: Awaitable<Result<A, RegionError>>,
  toWire: (value: A) => Awaitable<R>,
  refuse?: (message: string) => R,
): Awaitable<R | RegionErrorResponse> {
  return whenReady(answer, (outcome): Awaitable<R | RegionErrorResponse> => {
    if (outcome.ok) return toWire(outcome.value);
    const { error } = outcome;
    if (refuse && error.type === 'raft-entry-too-large') return refuse(describeRegionError(error));
    return { regionError: regionErrorToWire(error) };
  });
}
