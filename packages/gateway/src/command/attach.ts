import { assert } from '@tinykv/base';
import type { Attached, CommandSpec, Handler } from '../commands/spec.js';
import type { CommandFacts } from './facts.js';
import { plainRange } from './keys.js';

/** Commands by their lower-case names: those of the table that someone carries out. */
export function attach(
  facts: ReadonlyMap<string, CommandFacts>,
  handlers: readonly Handler[],
): Map<string, CommandSpec> {
  const waiting = new Map<string, Handler>();
  for (const handler of handlers) {
    assert(!waiting.has(handler.name), () => `command ${handler.name} has two handlers`);
    waiting.set(handler.name, handler);
  }
  const specs = new Map<string, CommandSpec>();
  for (const one of facts.values()) {
    const spec = specOf(one, waiting);
    if (spec !== undefined) specs.set(one.name, spec);
  }
  assert(waiting.size === 0, () => `the table has no ${[...waiting.keys()].join(', ')}`);
  return specs;
}

/** Takes the handlers of a command and of its sub-commands. */
function specOf(facts: CommandFacts, waiting: Map<string, Handler>): CommandSpec | undefined {
  const handler = waiting.get(facts.name);
  if (handler === undefined) return undefined;
  waiting.delete(facts.name);
  const attachedChildren = new Map<string, CommandSpec>();
  for (const [name, child] of facts.subcommands ?? []) {
    const spec = specOf(child, waiting);
    if (spec !== undefined) attachedChildren.set(name, spec);
  }
  const subcommands = attachedChildren.size > 0 ? attachedChildren : undefined;
  const { subcommands: _, ...own } = facts;
  const children = [...(subcommands ?? [])].map(([name, spec]) => [name, spec.facts] as const);
  const attached: Attached = {
    name: facts.name,
    arity: facts.arity,
    facts: subcommands === undefined ? own : { ...own, subcommands: new Map(children) },
    range: plainRange(facts),
    subcommands,
    writes: facts.flags.includes('write'),
    passesMulti: handler.passesMulti === true,
  };
  // Few shapes of objects, with the fields that all commands have in the same places.
  switch (handler.kind) {
    case 'session':
      return { ...attached, kind: handler.kind, run: handler.run };
    case 'data':
      return {
        ...attached,
        kind: handler.kind,
        parse: handler.parse,
        apply: handler.apply,
        steps: handler.steps,
        headsOnly: handler.headsOnly === true,
        oneKey: handler.oneKey,
        flushes: handler.flushes,
      };
    case 'alone':
      return { ...attached, kind: handler.kind, plan: handler.plan, done: handler.done };
  }
}
