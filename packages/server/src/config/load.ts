import { errorMessage } from '@tinykv/base';
import { parse } from 'smol-toml';
import { nearestName } from './nearest.js';
import {
  type AnySetting,
  envName,
  formatToml,
  parseText,
  parseTomlValue,
  type Schema,
  settingsOf,
} from './setting.js';

/** A setting that cannot be taken, with the words that the user should read. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export type Origin = 'default' | 'file' | 'env' | 'flag';

export interface Loaded<T> {
  readonly values: T;
  /** Where each value came from, by property. */
  readonly origins: Readonly<Record<string, Origin>>;
}

export interface Sources {
  readonly file?: { readonly name: string; readonly text: string };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Property → text after the flag. */
  readonly flags: ReadonlyMap<string, string>;
}

/** default < file < environment < flag. Throws ConfigError with the first thing that is wrong. */
export function loadSettings<T>(schema: Schema<T>, sources: Sources): Loaded<T> {
  const fromFile = sources.file ? readFileValues(schema, sources.file) : new Map<string, unknown>();
  const values: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  for (const [property, setting] of settingsOf(schema)) {
    const { value, origin, where } = pick(property, setting, fromFile, sources);
    const complaint = setting.check?.(value as never);
    if (complaint !== undefined) throw new ConfigError(`${where}: ${complaint}`);
    values[property] = value;
    origins[property] = origin;
  }
  return { values: values as T, origins };
}

interface Picked {
  readonly value: unknown;
  readonly origin: Origin;
  /** For messages. */
  readonly where: string;
}

function pick(
  property: string,
  setting: AnySetting,
  fromFile: ReadonlyMap<string, unknown>,
  sources: Sources,
): Picked {
  const flag = sources.flags.get(property);
  if (flag !== undefined) {
    const where = `--${setting.flags[0] ?? setting.key}`;
    return { value: textValue(setting, flag, where), origin: 'flag', where };
  }
  for (const name of [envName(setting), setting.extraEnv]) {
    const text = name === undefined ? undefined : sources.env[name];
    if (name === undefined || text === undefined || text === '') continue;
    return { value: textValue(setting, text, name), origin: 'env', where: name };
  }
  if (fromFile.has(property)) {
    return { value: fromFile.get(property), origin: 'file', where: setting.key };
  }
  return { value: setting.default, origin: 'default', where: setting.key };
}

function textValue(setting: AnySetting, text: string, where: string): unknown {
  const parsed = parseText(setting, text);
  if (!parsed.ok) throw new ConfigError(`${where}: ${parsed.error}`);
  return parsed.value;
}

function readFileValues<T>(
  schema: Schema<T>,
  file: { readonly name: string; readonly text: string },
): Map<string, unknown> {
  const byKey = new Map(settingsOf(schema).map(([property, s]) => [s.key, { property, s }]));
  const values = new Map<string, unknown>();
  for (const [key, value] of flatten(parseToml(file))) {
    const known = byKey.get(key);
    if (known === undefined) {
      const nearest = nearestName(key, [...byKey.keys()]);
      throw new ConfigError(
        `${file.name}: unknown key ${key}; the nearest known one is ${nearest}`,
      );
    }
    const parsed = parseTomlValue(known.s, value);
    if (!parsed.ok) throw new ConfigError(`${file.name}: ${key}: ${parsed.error}`);
    values.set(known.property, parsed.value);
  }
  return values;
}

function parseToml(file: { readonly name: string; readonly text: string }): object {
  try {
    return parse(file.text);
  } catch (error) {
    throw new ConfigError(`${file.name}: ${errorMessage(error)}`);
  }
}

/** Tables become dotted keys. */
function flatten(table: object, prefix = ''): (readonly [string, unknown])[] {
  return Object.entries(table).flatMap(([name, value]: [string, unknown]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
      ? flatten(value, `${prefix}${name}.`)
      : [[`${prefix}${name}`, value] as const],
  );
}

/** A file with every key, commented out, at its default. */
export function sampleConfig<T>(schema: Schema<T>): string {
  const sections = new Map<string, string[]>();
  for (const [, setting] of settingsOf(schema)) {
    const dot = setting.key.lastIndexOf('.');
    const section = setting.key.slice(0, Math.max(dot, 0));
    const lines = sections.get(section) ?? [];
    lines.push(`# ${setting.doc}`);
    lines.push(`# ${setting.key.slice(dot + 1)} = ${formatToml(setting, setting.default)}`, '');
    sections.set(section, lines);
  }
  return [...sections]
    .sort(([a], [b]) => (a === '' ? -1 : b === '' ? 1 : 0))
    .flatMap(([name, lines]) => (name === '' ? lines : [`[${name}]`, ...lines]))
    .join('\n');
}
