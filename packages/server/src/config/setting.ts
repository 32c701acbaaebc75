import { err, ok, type Result } from '@tinykv/base';
import { formatDuration, formatSize, parseDuration, parseSize } from './units.js';

/** How the value of a setting is written; sizes become bytes and durations milliseconds. */
type KindOf<T> = T extends boolean
  ? 'bool'
  : T extends number
    ? 'int' | 'size' | 'duration'
    : T extends string
      ? 'string'
      : 'list';

/** One line of a table of settings: everything that file, environment, flags and help need to know. */
export interface Setting<T> {
  readonly kind: KindOf<T>;
  /** `section.kebab-case-name` in the TOML file; the environment's name follows from it. */
  readonly key: string;
  readonly default: T;
  /** Long flags, without dashes; the first is the one that `--help` shows. None: no flag. */
  readonly flags: readonly string[];
  /** One letter. */
  readonly short?: string;
  /** What stands for the value in `--help`. */
  readonly placeholder?: string;
  readonly doc: string;
  /** A further name in the environment: TinyKV's, or one that the tools read too. */
  readonly extraEnv?: string;
  /** Says what is wrong with a value of the right kind. */
  readonly check?: (value: T) => string | undefined;
}

/** A table of settings: property → setting, so that the loaded values have a plain interface. */
export type Schema<T> = { readonly [P in keyof T]-?: Setting<T[P]> };

/** A setting whose kind is looked at while the program runs. */
export type AnySetting = Omit<Setting<unknown>, 'kind' | 'check'> & {
  readonly kind: string;
  readonly check?: (value: never) => string | undefined;
};

export function settingsOf<T>(
  schema: Schema<T>,
): readonly (readonly [keyof T & string, AnySetting])[] {
  return Object.entries(schema) as unknown as (readonly [keyof T & string, AnySetting])[];
}

/** `raftstore.region-max-size` → `TINYKV_RAFTSTORE_REGION_MAX_SIZE`. */
export function envName(setting: AnySetting): string {
  return `TINYKV_${setting.key.replace(/[.-]/g, '_').toUpperCase()}`;
}

/** A value as written in the environment or after a flag. */
export function parseText(setting: AnySetting, text: string): Result<unknown, string> {
  switch (setting.kind) {
    case 'bool':
      return parseBool(text);
    case 'int':
      return parseInteger(text);
    case 'size':
      return parseSize(text);
    case 'duration':
      return parseDuration(text);
    case 'list':
      return ok(text.split(',').filter((item) => item !== ''));
    default:
      return ok(text);
  }
}

/** A value as TOML gives it. */
export function parseTomlValue(setting: AnySetting, value: unknown): Result<unknown, string> {
  if (setting.kind === 'list' && Array.isArray(value)) {
    const strings = value.every((item) => typeof item === 'string');
    return strings ? ok(value) : err('the list must hold strings');
  }
  if (typeof value === 'string') {
    return setting.kind === 'bool' || setting.kind === 'int'
      ? err(`"${value}" is in quotes, a ${setting.kind} is not`)
      : parseText(setting, value);
  }
  if (typeof value === 'boolean' && setting.kind === 'bool') return ok(value);
  if (typeof value === 'number' || typeof value === 'bigint') {
    if (setting.kind === 'int' || setting.kind === 'size') return parseInteger(String(value));
  }
  return err(`${JSON.stringify(value)} is not a ${setting.kind}`);
}

function parseBool(text: string): Result<boolean, string> {
  if (text === 'true' || text === '1') return ok(true);
  if (text === 'false' || text === '0') return ok(false);
  return err(`"${text}" is neither true nor false`);
}

function parseInteger(text: string): Result<number, string> {
  const value = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(value)
    ? ok(value)
    : err(`"${text}" is not a whole number`);
}

/** The value as a user would write it in the file, without quotes. */
export function formatValue(setting: AnySetting, value: unknown): string {
  switch (setting.kind) {
    case 'size':
      return formatSize(value as number);
    case 'duration':
      return formatDuration(value as number);
    case 'list':
      return (value as readonly string[]).join(',');
    default:
      return String(value);
  }
}

/** The value as TOML. */
export function formatToml(setting: AnySetting, value: unknown): string {
  if (setting.kind === 'list') return JSON.stringify(value);
  const text = formatValue(setting, value);
  return setting.kind === 'bool' || setting.kind === 'int' ? text : JSON.stringify(text);
}
