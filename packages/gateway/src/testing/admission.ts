import type { Stage, Verdict } from '../admission/stage.js';
import { attach } from '../command/attach.js';
import { readFacts } from '../command/facts.js';
import type { CommandSpec } from '../commands/spec.js';
import { CommandTable } from '../commands/table.js';
import { latin1Bytes } from '../commands/text.js';
import { OK } from '../resp/types.js';

const implemented = new CommandTable();

/** The word of a stage about a request, whose words are separated by spaces; of a command that nobody carries out, too. */
export function verdictOf(stage: Stage, line: string, inMulti = false): string {
  const argv = line.split(' ').map(latin1Bytes);
  const spec = implemented.find(argv) ?? unattended(line.split(' ')[0]!);
  return textOf(stage(spec, argv, { transaction: { active: inMulti } }));
}

function unattended(name: string): CommandSpec {
  const facts = new Map([...readFacts()].filter(([known]) => known === name));
  return attach(facts, [{ kind: 'session', name, run: () => OK }]).get(name)!;
}

function textOf(verdict: Verdict): string {
  if (typeof verdict === 'string') return verdict;
  return verdict.type === 'error' ? verdict.text : verdict.type;
}
