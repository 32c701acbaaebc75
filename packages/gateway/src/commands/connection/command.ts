import { describeCommand, documentCommand } from '../../command/describe.js';
import { type KeyPlace, keyPlaces } from '../../command/keys.js';
import { Glob } from '../../glob.js';
import type { Request } from '../../resp/request.js';
import { array, bulk, error, integer, NULL, type Reply, simple } from '../../resp/types.js';
import { SYNTAX_ERROR } from '../errors.js';
import { COMMAND_HELP } from '../help-texts.js';
import type { Call, CommandSpec, SessionHandler } from '../spec.js';
import { help, subcommand } from '../subcommands.js';
import { latin1, latin1Bytes, upper } from '../text.js';

/* COMMAND tells of the commands that this gateway carries out, in the words of the table. */

type Table = ReadonlyMap<string, CommandSpec>;

const INVALID_COMMAND = error('ERR Invalid command specified');
const NO_KEYS = error('ERR The command has no key arguments');
const WRONG_COUNT = error('ERR Invalid number of arguments specified for command');
const INVALID_ARGUMENTS = error('ERR Invalid arguments specified for command');

/** A command by its name, or a subcommand by `parent|name`. */
function find(table: Table, name: Uint8Array): CommandSpec | undefined {
  const [parent = '', child, ...rest] = latin1(name).toLowerCase().split('|');
  if (rest.length > 0) return undefined;
  const spec = table.get(parent);
  return child === undefined ? spec : spec?.subcommands?.get(child);
}

function info(table: Table, { argv }: Call): Reply {
  if (argv.length <= 2)
    return array([...table.values()].map(({ facts }) => describeCommand(facts)));
  return array(
    argv.slice(2).map((name) => {
      const spec = find(table, name);
      return spec === undefined ? NULL : describeCommand(spec.facts);
    }),
  );
}

/** Names that are not known are left out. */
function docs(table: Table, { argv }: Call): Reply {
  const specs =
    argv.length === 2
      ? [...table.values()]
      : argv.slice(2).flatMap((name) => find(table, name) ?? []);
  return { type: 'map', entries: specs.map(({ facts }) => documentCommand(facts)) };
}

function list(table: Table, { argv }: Call): Reply {
  const all = [...table.values()].flatMap((spec) => [spec, ...(spec.subcommands?.values() ?? [])]);
  if (argv.length === 2) return array(all.map(({ name }) => text(name)));
  if (argv.length !== 5 || upper(argv[2]!) !== 'FILTERBY') return SYNTAX_ERROR;
  const filter = filterOf(upper(argv[3]!), argv[4]!);
  if (filter === undefined) return SYNTAX_ERROR;
  return array(all.filter(filter).map(({ name }) => text(name)));
}

function filterOf(kind: string, given: Uint8Array): ((spec: CommandSpec) => boolean) | undefined {
  const wanted = latin1(given).toLowerCase();
  if (kind === 'PATTERN') {
    const glob = new Glob(latin1Bytes(wanted));
    return ({ name }) => glob.matches(latin1Bytes(name));
  }
  if (kind === 'ACLCAT') return ({ facts }) => facts.categories.includes(wanted);
  return kind === 'MODULE' ? (): boolean => false : undefined;
}

function getKeys(
  table: Table,
  { argv }: Call,
  reply: (place: KeyPlace, request: Request) => Reply,
): Reply {
  const request = argv.slice(2);
  const parent = table.get(latin1(request[0]!).toLowerCase());
  const isParent = parent?.facts.subcommands !== undefined && request.length > 1;
  const spec = isParent ? parent.subcommands?.get(latin1(request[1]!).toLowerCase()) : parent;
  if (spec === undefined) return INVALID_COMMAND;
  const { keySpecs, flags } = spec.facts;
  if (keySpecs.every((one) => one.flags.includes('not_key'))) return NO_KEYS;
  const { arity } = spec;
  if (arity > 0 ? request.length !== arity : request.length < -arity) return WRONG_COUNT;
  const places = keyPlaces(spec.facts, request);
  if (places.length === 0 && !flags.includes('no_mandatory_keys')) return INVALID_ARGUMENTS;
  return array(places.map((place) => reply(place, request)));
}

function keyOnly({ index }: KeyPlace, request: Request): Reply {
  return bulk(request[index]!);
}

function keyAndFlags({ index, flags }: KeyPlace, request: Request): Reply {
  return array([bulk(request[index]!), { type: 'set', items: flags.map(simple) }]);
}

function text(value: string): Reply {
  return bulk(latin1Bytes(value));
}

/** COMMAND describes the table that it is itself part of, so the table is filled in after it. */
export function commandCommands(described: { readonly table: Table }): readonly SessionHandler[] {
  const sub = (name: string, run: (table: Table, call: Call) => Reply): SessionHandler =>
    subcommand('command', name, (call) => run(described.table, call));
  return [
    { kind: 'session', name: 'command', run: (call) => info(described.table, call) },
    sub('count', (table) => integer(table.size)),
    sub('info', info),
    sub('docs', docs),
    sub('list', list),
    sub('getkeys', (table, call) => getKeys(table, call, keyOnly)),
    sub('getkeysandflags', (table, call) => getKeys(table, call, keyAndFlags)),
    help('command', COMMAND_HELP),
  ];
}
