import { EXIT } from '@tinykv/server';
import type { Command } from 'commander';
import { CliError } from '../program.js';

/** Verbs of one noun. Without a verb the first one runs: it only looks. A mistyped one is told the others. */
export function withDefaultVerb(noun: Command, first: Command, ...others: Command[]): Command {
  first.allowExcessArguments().hook('preAction', () => {
    const [word] = first.args;
    if (word === undefined) return;
    const verbs = [first, ...others].map((verb) => verb.name()).join(', ');
    throw new CliError(`${noun.name()}: there is no "${word}"; there are ${verbs}`, EXIT.usage);
  });
  noun.addCommand(first, { isDefault: true });
  for (const other of others) noun.addCommand(other);
  return noun;
}
