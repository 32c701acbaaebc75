/** What a process held at one moment, in bytes. */
export interface MemorySample {
  readonly seconds: number;
  /** Its own: heap of JavaScript, buffers, the engine's tables in memory. */
  readonly own: number;
  /** Mapped files, which the kernel takes back at need. */
  readonly mapped: number;
}

export interface Plateau {
  /** Most that the process held of its own in the second and in the last third of the run. */
  readonly before: number;
  readonly after: number;
  readonly isFlat: boolean;
}

/** What a collection of garbage that comes early or late makes of the same memory. */
const NOISE_SHARE = 0.1;
const NOISE_BYTES = 16_777_216;

/** Whether memory has stopped growing: the last third of a run needs no more than the one before. */
export function plateauOf(samples: readonly MemorySample[]): Plateau {
  const end = samples.at(-1)?.seconds ?? 0;
  const most = (from: number, to: number): number =>
    Math.max(
      0,
      ...samples.filter(({ seconds }) => seconds > from && seconds <= to).map(({ own }) => own),
    );
  const before = most(end / 3, (2 * end) / 3);
  const after = most((2 * end) / 3, end);
  return { before, after, isFlat: after <= before * (1 + NOISE_SHARE) + NOISE_BYTES };
}
