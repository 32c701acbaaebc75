import { errorMessage, KvError, TS_MAX } from '@tinykv/base';
import { checkSchedulers, checkTarget, EXIT, parseDuration } from '@tinykv/server';
import { CommanderError, InvalidArgumentError } from 'commander';

/** A failure that one line explains, with the exit code it stands for. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failure) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Runs a command to its exit code; prints one line for what went wrong. */
export async function exitCodeOf(run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    process.stderr.write(`tinykv: ${errorMessage(error)}\n`);
    if (error instanceof CliError) return error.exitCode;
    const isUnavailable =
      error instanceof KvError &&
      (error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED');
    return isUnavailable ? EXIT.unavailable : EXIT.failure;
  }
}

/** For commander: a number that is not below zero. */
export function parseAmount(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !Number.isFinite(value)) {
    throw new InvalidArgumentError('It must be a number that is not below zero.');
  }
  return value;
}

/** For commander: a number above zero. */
export function parsePositive(text: string): number {
  const value = parseAmount(text);
  if (value === 0) throw new InvalidArgumentError('It must be above zero.');
  return value;
}

/** For commander: a whole number above zero. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('It must be a whole number above zero.');
  }
  return value;
}

/** For commander: whole numbers above zero, with commas. */
export function parseCounts(text: string): readonly number[] {
  return text.split(',').map(parseCount);
}

/** For commander: percentages, with commas. */
export function parsePercents(text: string): readonly number[] {
  return text.split(',').map((part) => {
    const value = parseAmount(part);
    if (value > 100) throw new InvalidArgumentError('It must not be above 100.');
    return value;
  });
}

/** For commander: one `host:port` that can be connected to. */
export function parseTarget(text: string): string {
  const complaint = checkTarget(text);
  if (complaint !== undefined) throw new InvalidArgumentError(`${complaint}.`);
  return text;
}

/** For commander: the same, several with commas. */
export function parseTargets(text: string): string {
  const complaint = complaintAboutTargets(text);
  if (complaint !== undefined) throw new InvalidArgumentError(`${complaint}.`);
  return text;
}

/** A complaint about the addresses that a text lists. */
export function complaintAboutTargets(text: string): string | undefined {
  return checkSchedulers(text.split(','));
}

/** For commander: `10m` → milliseconds. */
export function parseTime(text: string): number {
  const parsed = parseDuration(text);
  if (!parsed.ok) throw new InvalidArgumentError(parsed.error);
  return parsed.value;
}

/** For commander: a timestamp of the cluster, as a whole number. */
export function parseTimestamp(text: string): bigint {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) > TS_MAX) {
    throw new InvalidArgumentError('It must be a timestamp of the cluster.');
  }
  return BigInt(text);
}
