import { latin1Bytes } from '../commands/text.js';
import { array, bulk, integer, type Reply, simple } from '../resp/types.js';
import type { BeginSearch, CommandFacts, FindKeys, KeySpec } from './facts.js';
import { keyRange } from './keys.js';

/** The answer of COMMAND INFO about a command. */
export function describeCommand(facts: CommandFacts): Reply {
  const range = keyRange(facts);
  const subcommands = [...(facts.subcommands?.values() ?? [])];
  return array([
    text(facts.name),
    integer(facts.arity),
    { type: 'set', items: facts.flags.map(simple) },
    integer(range?.first ?? 0),
    integer(range?.last ?? 0),
    integer(range?.step ?? 0),
    { type: 'set', items: facts.categories.map((category) => simple(`@${category}`)) },
    { type: 'set', items: facts.tips.map(text) },
    { type: 'set', items: facts.keySpecs.map(describeKeySpec) },
    { type: 'set', items: subcommands.map(describeCommand) },
  ]);
}

function describeKeySpec({ flags, begin, find, note }: KeySpec): Reply {
  const entries: [string, Reply][] = [
    ['flags', { type: 'set', items: flags.map(simple) }],
    ['begin_search', typed(begin.type, beginSpec(begin))],
    ['find_keys', typed(find.type, findSpec(find))],
  ];
  return map(note === undefined ? entries : [['notes', text(note)], ...entries]);
}

function typed(type: string, spec: [string, Reply][]): Reply {
  return map([
    ['type', text(type)],
    ['spec', map(spec)],
  ]);
}

function beginSpec(begin: BeginSearch): [string, Reply][] {
  switch (begin.type) {
    case 'index':
      return [['index', integer(begin.index)]];
    case 'keyword':
      return [
        ['keyword', text(begin.keyword)],
        ['startfrom', integer(begin.from)],
      ];
    case 'unknown':
      return [];
  }
}

function findSpec(find: FindKeys): [string, Reply][] {
  switch (find.type) {
    case 'range':
      return [
        ['lastkey', integer(find.last)],
        ['keystep', integer(find.step)],
        ['limit', integer(find.limit)],
      ];
    case 'keynum':
      return [
        ['keynumidx', integer(find.at)],
        ['firstkey', integer(find.first)],
        ['keystep', integer(find.step)],
      ];
    case 'unknown':
      return [];
  }
}

/** The answer of COMMAND DOCS about a command, without sentences: no summary, no history, no arguments. */
export function documentCommand(facts: CommandFacts): [Reply, Reply] {
  const entries: [string, Reply][] = [
    ['since', text(facts.since)],
    ['group', text(facts.group)],
  ];
  if (facts.complexity !== '') entries.push(['complexity', text(facts.complexity)]);
  if (facts.docFlags.length > 0) {
    entries.push(['doc_flags', { type: 'set', items: facts.docFlags.map(simple) }]);
  }
  if (facts.deprecatedSince !== undefined) {
    entries.push(['deprecated_since', text(facts.deprecatedSince)]);
  }
  if (facts.subcommands !== undefined) {
    const children = [...facts.subcommands.values()].map(documentCommand);
    entries.push(['subcommands', { type: 'map', entries: children }]);
  }
  return [text(facts.name), map(entries)];
}

function map(entries: readonly [string, Reply][]): Reply {
  return { type: 'map', entries: entries.map(([name, value]) => [text(name), value]) };
}

function text(value: string): Reply {
  return bulk(latin1Bytes(value));
}
