import { build, type Histogram } from 'hdr-histogram-js';

/** One operation of client `client`; a rejection counts as an error, not as a latency. */
export type Operation = (client: number, round: number) => Promise<void>;

export interface LoopOptions {
  readonly clients: number;
  readonly seconds: number;
}

/** What a closed loop measured. */
export interface Measurement {
  readonly operations: number;
  readonly errors: number;
  /** The first error, for the report. */
  readonly firstError: string | undefined;
  readonly seconds: number;
  /** Microseconds. */
  readonly latency: Histogram;
}

export function emptyHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 120_000_000,
    numberOfSignificantValueDigits: 3,
  });
}

/** A closed loop: each client sends its next operation when it has the answer to the last one. */
export async function runClosedLoop(
  operation: Operation,
  options: LoopOptions,
): Promise<Measurement> {
  const latency = emptyHistogram();
  let operations = 0;
  let errors = 0;
  let firstError: string | undefined;
  const startedAt = performance.now();
  const endsAt = startedAt + options.seconds * 1000;

  const client = async (number: number): Promise<void> => {
    for (let round = 0; performance.now() < endsAt; round++) {
      const sentAt = performance.now();
      try {
        await operation(number, round);
        latency.recordValue(Math.max(1, Math.round((performance.now() - sentAt) * 1000)));
        operations++;
      } catch (error) {
        errors++;
        firstError ??= error instanceof Error ? error.message : String(error);
      }
    }
  };
  await Promise.all(Array.from({ length: options.clients }, (_, number) => client(number)));
  const seconds = (performance.now() - startedAt) / 1000;
  return { operations, errors, firstError, seconds, latency };
}

/** Several rounds of the same work taken as one. */
export function mergeMeasurements(parts: readonly Measurement[]): Measurement {
  const latency = emptyHistogram();
  for (const part of parts) latency.add(part.latency);
  const sum = (of: (part: Measurement) => number): number =>
    parts.reduce((total, part) => total + of(part), 0);
  return {
    operations: sum((part) => part.operations),
    errors: sum((part) => part.errors),
    firstError: parts.find((part) => part.firstError !== undefined)?.firstError,
    seconds: sum((part) => part.seconds),
    latency,
  };
}
