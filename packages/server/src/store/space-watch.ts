import { type Env, errorMessage, type Timer } from '@tinykv/base';

/** Room on the disk that is given up when a process must start on a full one. */
export interface SpaceReserve {
  readonly bytes: number;
  isKept(): Promise<boolean>;
  /** Makes it again. False: there is no room. */
  keep(): Promise<boolean>;
}

export interface SpaceConfig {
  /** With less than this puts are refused; 0: never. */
  readonly minFreeBytes: number;
  /** Why the engine should get no values, whatever is free; asked with each of them. */
  readonly engineFull?: () => string | undefined;
}

/** Fast disks take some hundred megabytes in it. */
const CHECK_MS = 500;
const MIB = 1_048_576;

/**
 * Looks at the free space of the disk. Below a floor values are refused, so that what is left goes to deletes, to
 * the ends of transactions, and to what gives space back; and the reserve is made again once there is room for it
 * above the floor.
 */
export class SpaceWatch {
  readonly #env: Env;
  readonly #config: SpaceConfig;
  readonly #reserve: SpaceReserve | undefined;
  #timer: Timer | undefined;
  #stopped = false;
  #diskFull: string | undefined;
  #isBlind = false;
  /** Bytes of the reserve while it is not kept. */
  #missing: number;

  constructor(env: Env, config: SpaceConfig, reserve?: SpaceReserve) {
    this.#env = env;
    this.#config = config;
    this.#reserve = reserve;
    this.#missing = reserve?.bytes ?? 0;
  }

  /** Why no values are taken at present, or undefined. */
  get diskFull(): string | undefined {
    return this.#diskFull ?? this.#config.engineFull?.();
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.#look(async (available) => {
      if (await this.#reserve?.isKept()) this.#reserved();
      this.#judge(available);
    });
    this.#lookLater();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #lookLater(): void {
    if (this.#stopped) return;
    this.#timer = this.#env.clock.after(CHECK_MS, () => {
      const look = this.#look((available) => {
        this.#judge(available);
        return this.#keepReserve(available);
      });
      void look.then(() => this.#lookLater());
    });
  }

  async #look(then: (available: number) => Promise<void>): Promise<void> {
    try {
      const { available } = await this.#env.fs.space();
      await then(available);
      this.#isBlind = false;
    } catch (error) {
      // The last finding stays; the failure is said once, not with each look.
      if (!this.#isBlind) {
        this.#env.logger.warn('free disk space is unknown', { error: errorMessage(error) });
      }
      this.#isBlind = true;
    }
  }

  /** Room that the reserve had, or is still to get, is not free. */
  #judge(available: number): void {
    const { minFreeBytes } = this.#config;
    const free = Math.max(0, available - this.#missing);
    const wasFull = this.#diskFull !== undefined;
    // An eighth more ends it, so that one delete does not let one put in.
    const isFull = free < minFreeBytes + (wasFull ? minFreeBytes / 8 : 0);
    this.#diskFull = isFull
      ? `disk full: ${mib(free)} MiB are free beside the reserve, values are taken from ${mib(minFreeBytes)} MiB on`
      : undefined;
    if (isFull === wasFull) return;
    const fields = { free, min_free: minFreeBytes };
    if (isFull) this.#env.logger.error('disk full: puts are refused, deletes are not', fields);
    else this.#env.logger.info('the disk has room: puts are taken', fields);
  }

  async #keepReserve(available: number): Promise<void> {
    const reserve = this.#reserve;
    if (reserve === undefined || this.#missing === 0) return;
    if (available < reserve.bytes + this.#config.minFreeBytes) return;
    if (await reserve.keep()) this.#reserved();
  }

  #reserved(): void {
    this.#env.logger.info('a reserve of disk space is kept', { bytes: this.#missing });
    this.#missing = 0;
  }
}

function mib(bytes: number): number {
  return Math.floor(bytes / MIB);
}
