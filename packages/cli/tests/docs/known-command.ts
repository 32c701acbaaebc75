import { type AnySetting, schedulerSchema, settingsOf, storeSchema } from '@tinykv/server';
import type { Command } from 'commander';
import { cliProgram } from '../../src/cli.js';
import { gatewaySchema } from '../../src/gateway/settings.js';
import { read, wordsOf } from './code-blocks.js';

/** Programs that are not ours: a page may use them as it likes. */
const FOREIGN = ['cd', 'mkdir', 'npm', 'npx', 'redis-cli', 'ulimit'];

/** Why a reader who types the line would be refused; undefined when the line is good. */
export function complaintAbout(line: string): string | undefined {
  const [first = '', ...rest] = wordsOf(line);
  const name = first.replace(/^scripts\//, '');
  if (FOREIGN.includes(name)) return undefined;
  switch (name) {
    case 'make':
      return complaintAboutTarget(rest);
    case 'pnpm':
      return complaintAboutScript(rest);
    case 'tinykv':
      return complaintAboutCommand(program(), rest);
    case 'tinykv-server':
      return complaintAboutFlags(settingsOf(storeSchema), rest);
    case 'scheduler':
      return complaintAboutFlags(settingsOf(schedulerSchema), rest);
    case 'tinykv-gateway':
      return complaintAboutFlags(settingsOf(gatewaySchema), rest);
    default:
      return `${first} is none of our programs`;
  }
}

function program(): Command {
  const openEnv = (): never => {
    throw new Error('nothing is run here');
  };
  return cliProgram(openEnv, () => undefined);
}

function complaintAboutTarget([target = 'build']: readonly string[]): string | undefined {
  const rules = [...read('Makefile').matchAll(/^([\w%\\: -]+?):(?!=)/gm)]
    .flatMap((match) => match[1]!.replaceAll('\\', '').split(' '))
    .map((rule) => new RegExp(`^${rule.replace('%', '.+')}$`));
  return rules.some((rule) => rule.test(target)) ? undefined : `make has no target ${target}`;
}

function complaintAboutScript([script = '']: readonly string[]): string | undefined {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  return script in scripts ? undefined : `package.json has no script ${script}`;
}

function complaintAboutCommand(root: Command, words: readonly string[]): string | undefined {
  let command = root;
  const above: Command[] = [root];
  let takes = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word.startsWith('-')) {
      const [flag, value] = word.split('=', 2);
      const option = above
        .flatMap((one) => one.options)
        .find((one) => flag === one.long || flag === one.short);
      if (option === undefined) return `${command.name()} has no flag ${flag}`;
      if (option.required && value === undefined) i++;
      continue;
    }
    const sub = command.commands.find((one) => one.name() === word);
    if (sub === undefined) {
      takes++;
      continue;
    }
    command = sub;
    above.push(sub);
    takes = 0;
  }
  const most = command.registeredArguments.some((argument) => argument.variadic)
    ? Number.POSITIVE_INFINITY
    : command.registeredArguments.length;
  return takes > most ? `${command.name()} takes ${most} words, not ${takes}` : undefined;
}

function complaintAboutFlags(
  settings: readonly (readonly [string, AnySetting])[],
  words: readonly string[],
): string | undefined {
  const names = settings.flatMap(([, setting]) => setting.flags);
  const flags = words.filter((word) => word.startsWith('-'));
  const unknown = flags.find((flag) => !names.includes(flag.replace(/^--?/, '').split('=')[0]!));
  return unknown === undefined ? undefined : `there is no flag ${unknown}`;
}
