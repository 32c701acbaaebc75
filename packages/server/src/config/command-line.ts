import { readFileSync } from 'node:fs';
import { errorMessage } from '@tinykv/base';
import { Command, CommanderError, Option } from 'commander';
import { versionLine } from '../version.js';
import { unknownVariable } from './environment.js';
import { ConfigError, type Loaded, loadSettings, sampleConfig } from './load.js';
import { type AnySetting, envName, formatValue, type Schema, settingsOf } from './setting.js';

/** Exit codes of every program. */
export const EXIT = { ok: 0, failure: 1, usage: 2, unavailable: 3 } as const;

export interface Program<T> {
  readonly name: string;
  readonly description: string;
  readonly schema: Schema<T>;
  /** Checks that look at several settings at once; throws ConfigError. */
  readonly validate: (values: T) => void;
  readonly examples: readonly string[];
}

/** What to do after the command line is read: run, or print and leave. */
export type Invocation<T> =
  | { readonly type: 'run'; readonly loaded: Loaded<T> }
  | { readonly type: 'exit'; readonly code: number; readonly out: string; readonly err: string };

/**
 * TinyKV's programs take Go's flags (`-addr x`, `-addr=x`): a known name after a single dash gets its
 * second dash. One letter stays a short flag, and nothing is touched after `--`.
 */
export function rewriteSingleDash(argv: readonly string[], names: ReadonlySet<string>): string[] {
  const end = argv.indexOf('--');
  return argv.map((arg, i) => {
    const name = /^-([A-Za-z][\w-]+)(=.*)?$/s.exec(arg)?.[1];
    const isFlag = name !== undefined && names.has(name) && (end < 0 || i < end);
    return isFlag ? `-${arg}` : arg;
  });
}

/** Reads flags, environment and file of a server program. Never throws. */
export function readCommandLine<T>(
  program: Program<T>,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Invocation<T> {
  const output = { out: '', err: '' };
  const command = buildCommand(program, output);
  const names = new Set(command.options.map((option) => option.long?.slice(2) ?? ''));
  try {
    command.parse(rewriteSingleDash(argv, names), { from: 'user' });
    return invoke(program, command.opts(), env);
  } catch (error) {
    if (error instanceof CommanderError) {
      return { type: 'exit', code: error.exitCode === 0 ? EXIT.ok : EXIT.usage, ...output };
    }
    if (!(error instanceof ConfigError)) throw error;
    return { type: 'exit', code: EXIT.usage, out: '', err: `${program.name}: ${error.message}\n` };
  }
}

function invoke<T>(
  program: Program<T>,
  options: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): Invocation<T> {
  if (options['printSampleConfig'] === true) {
    return { type: 'exit', code: EXIT.ok, out: `${sampleConfig(program.schema)}\n`, err: '' };
  }
  const unknown = unknownVariable(env, program.schema);
  if (unknown !== undefined) throw new ConfigError(unknown);
  const flags = new Map<string, string>();
  for (const [property, setting] of settingsOf(program.schema)) {
    for (const flag of setting.flags) {
      const value = options[new Option(`--${flag} <x>`).attributeName()];
      if (value !== undefined) flags.set(property, String(value));
    }
  }
  const file = options['config'];
  const loaded = loadSettings(program.schema, {
    env,
    flags,
    ...(typeof file === 'string' ? { file: readConfigFile(file) } : {}),
  });
  program.validate(loaded.values);
  return options['configCheck'] === true
    ? { type: 'exit', code: EXIT.ok, out: 'the configuration is good\n', err: '' }
    : { type: 'run', loaded };
}

function readConfigFile(name: string): { name: string; text: string } {
  try {
    return { name, text: readFileSync(name, 'utf8') };
  } catch (error) {
    throw new ConfigError(`--config: ${errorMessage(error)}`);
  }
}

function buildCommand<T>(program: Program<T>, output: { out: string; err: string }): Command {
  const command = new Command(program.name)
    .description(program.description)
    .version(versionLine(program.name), '-V, --version', 'print version and commit')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        output.out += text;
      },
      writeErr: (text) => {
        output.err += text;
      },
    })
    .option('-C, --config <file>', 'TOML file; an unknown key is an error')
    .option('--config-check', 'check the configuration and leave')
    .option('--print-sample-config', 'print a file with every key at its default and leave');
  for (const [, setting] of settingsOf(program.schema)) {
    for (const option of optionsOf(setting)) command.addOption(option);
  }
  return command.addHelpText('after', afterHelp(program.examples));
}

function optionsOf(setting: AnySetting): Option[] {
  const value =
    setting.kind === 'bool' ? '[true|false]' : `<${setting.placeholder ?? setting.kind}>`;
  const initial = formatValue(setting, setting.default);
  const doc = `${setting.doc} (default: ${initial === '' ? 'none' : initial}; env: ${envName(setting)})`;
  return setting.flags.map((flag, i) => {
    const short = i === 0 && setting.short !== undefined ? `-${setting.short}, ` : '';
    return new Option(`${short}--${flag} ${value}`, doc).hideHelp(i > 0);
  });
}

function afterHelp(examples: readonly string[]): string {
  return [
    '',
    'A flag wins over the environment, the environment over the file. Flags may have one dash or two.',
    '',
    'Examples:',
    ...examples.map((example) => `  ${example}`),
    '',
    'Exit codes: 0 ok, 1 failure, 2 usage, 3 a service that is needed cannot be reached.',
  ].join('\n');
}
