import { type Env, Prng } from '@tinykv/base';

interface Pending {
  readonly at: number;
  readonly fn: () => void;
}

/** As much of an Env as request handlers touch; time stands still until `advance`. */
export class FakeEnv {
  #now = 0;
  #timers: Pending[] = [];
  readonly warnings: string[] = [];
  readonly errors: string[] = [];

  get timers(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter((timer) => timer.at <= this.#now);
    this.#timers = this.#timers.filter((timer) => timer.at > this.#now);
    for (const timer of due) timer.fn();
  }

  env(): Env {
    const nothing = { add: () => {}, set: () => {}, observe: () => {} };
    const logger: Env['logger'] = {
      debug: () => {},
      info: () => {},
      warn: (message) => this.warnings.push(message),
      error: (message) => this.errors.push(message),
      child: () => logger,
    };
    const env: Pick<Env, 'clock' | 'rng' | 'logger' | 'metrics' | 'faults' | 'planted'> = {
      clock: {
        mono: () => this.#now,
        wall: () => this.#now,
        after: (ms, fn) => {
          const timer = { at: this.#now + ms, fn };
          this.#timers.push(timer);
          return {
            cancel: () => {
              this.#timers = this.#timers.filter((other) => other !== timer);
            },
          };
        },
        defer: (fn) => {
          setImmediate(fn);
        },
      },
      rng: new Prng('server'),
      logger,
      metrics: { counter: () => nothing, gauge: () => nothing, histogram: () => nothing },
      faults: { hit: () => {} },
      planted: () => false,
    };
    return env as Env;
  }
}
