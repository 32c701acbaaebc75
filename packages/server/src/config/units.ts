import { err, ok, type Result } from '@tinykv/base';

const SIZES: readonly (readonly [string, number])[] = [
  ['TB', 2 ** 40],
  ['GB', 2 ** 30],
  ['MB', 2 ** 20],
  ['KB', 2 ** 10],
  ['B', 1],
];

const DURATIONS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

/** `96MB` → bytes. Units are binary, as TiKV's are; `MiB` and a bare number of bytes are taken too. */
export function parseSize(text: string): Result<number, string> {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(i?B)?$/i.exec(text.trim());
  if (match === null) return err(`"${text}" is not a size such as 96MB`);
  const unit = `${match[2] ?? ''}B`.toUpperCase();
  const factor = SIZES.find(([name]) => name === unit)?.[1] ?? 1;
  return checkWhole(Number(match[1]) * factor, text);
}

/** `1m30s` → milliseconds. */
export function parseDuration(text: string): Result<number, string> {
  const trimmed = text.trim();
  if (!/^(\d+(\.\d+)?(ms|[dhms]))+$/.test(trimmed)) {
    return err(`"${text}" is not a duration such as 10s or 1m30s`);
  }
  let total = 0;
  for (const [, number, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g)) {
    total += Number(number) * (DURATIONS.find(([name]) => name === unit)?.[1] ?? 1);
  }
  return checkWhole(total, text);
}

function checkWhole(value: number, text: string): Result<number, string> {
  const rounded = Math.round(value);
  return Number.isSafeInteger(rounded) ? ok(rounded) : err(`"${text}" is too large`);
}

export function formatSize(bytes: number): string {
  const [name, factor] = SIZES.find(([, size]) => bytes >= size && bytes % size === 0) ?? ['B', 1];
  return `${bytes / factor}${name}`;
}

export function formatDuration(ms: number): string {
  const [name, factor] = DURATIONS.find(([, size]) => ms >= size && ms % size === 0) ?? ['ms', 1];
  return `${ms / factor}${name}`;
}
