import { type Env, errorMessage, KvError } from '@tinykv/base';
import { type ApiMode, type SchedulerApi, type StoreMeta, StoreRefusedError } from '@tinykv/model';

/** Pauses between two tries grow from the one to the other. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;
/** How long a store that may serve without the scheduler waits for it before it does. */
const GRACE_MS = 1_000;
/** A scheduler that stays away is mentioned this often. */
const QUIET_MS = 10_000;

export interface RegistrationHost {
  readonly env: Env;
  readonly scheduler: SchedulerApi;
  readonly store: StoreMeta;
  readonly api: ApiMode;
  /** The scheduler has taken the store in; awaited before the start goes on. */
  accepted(): Promise<void>;
}

/** Makes this start of the store known to the scheduler, and tries until it is. */
export class Registration {
  readonly #host: RegistrationHost;
  #isDone = false;
  /** The scheduler has answered that the store may run elsewhere: only it can say when that is over. */
  #isHeldUp = false;
  #isStopped = false;

  constructor(host: RegistrationHost) {
    this.#host = host;
  }

  /** The scheduler knows of this start. */
  get isDone(): boolean {
    return this.#isDone;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Resolves when the store may take part: once it is registered or, with `mayServe`, when the scheduler has
   * been away for a moment. Rejects when the scheduler refuses the store; `refused` hears of it when that
   * comes later.
   */
  async begin(mayServe: boolean, refused: (error: unknown) => void): Promise<void> {
    const registering = this.#run();
    if (!mayServe) return registering;
    let isLate = false;
    registering.catch((error: unknown) => {
      if (isLate) refused(error);
    });
    const { clock, logger } = this.#host.env;
    await new Promise<void>((resolve, reject) => {
      const timer = clock.after(GRACE_MS, () => {
        if (this.#isHeldUp) return;
        isLate = true;
        logger.warn('the store serves without the scheduler', { store_id: this.#host.store.id });
        resolve();
      });
      registering.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#host.env;
    let pauseMs = RETRY_MIN_MS;
    let quietUntil = Number.NEGATIVE_INFINITY;
    while (!this.#isStopped) {
      try {
        await this.#register();
        this.#isDone = true;
        return;
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.#isHeldUp ||= error instanceof StoreRefusedError;
        if (clock.mono() >= quietUntil) {
          quietUntil = clock.mono() + QUIET_MS;
          logger.warn('store is not registered yet', { error: errorMessage(error) });
        }
      }
      const ms = pauseMs;
      await new Promise<void>((resolve) => clock.after(ms, resolve));
      pauseMs = Math.min(2 * pauseMs, RETRY_MAX_MS);
    }
    throw new KvError('CANCELLED', 'the store stops');
  }

  async #register(): Promise<void> {
    const { scheduler, store, api } = this.#host;
    const clusterApi = await scheduler.clusterApi();
    if (clusterApi !== api) {
      const text = `the data folder has api ${api}, the cluster ${clusterApi}`;
      throw new KvError('FAILED_PRECONDITION', text);
    }
    await scheduler.putStore(store);
    this.#host.env.faults.hit('registration-accepted');
    await this.#host.accepted();
  }
}

/** Nobody has answered, or not for good; all else is an answer. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof KvError)) return false;
  if (error instanceof StoreRefusedError) return error.refusal === 'perhaps';
  return (
    error.code === 'UNAVAILABLE' ||
    error.code === 'DEADLINE_EXCEEDED' ||
    error.code === 'CANCELLED' ||
    // The scheduler is busy, or its disk is full.
    error.code === 'RESOURCE_EXHAUSTED' ||
    error.code === 'INTERNAL'
  );
}
