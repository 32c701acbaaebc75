import { Glob } from '../../glob.js';
import type { Request } from '../../resp/request.js';
import { array, bulk, error, integer, NULL, type Reply, simple } from '../../resp/types.js';
import { SYNTAX_ERROR } from '../errors.js';
import { COMMAND_HELP } from '../help-texts.js';
import {
  type Call,
  type CommandFlag,
  type CommandGroup,
  type CommandSpec,
  keysOf,
} from '../spec.js';
import { container, help, subcommand } from '../subcommands.js';
import { latin1, latin1Bytes, upper } from '../text.js';

const GROUP_CATEGORY: Readonly<Record<CommandGroup, string | undefined>> = {
  connection: 'connection',
  generic: 'keyspace',
  scripting: 'scripting',
  server: undefined,
  string: 'string',
  transaction: 'transaction',
};
const DANGEROUS: ReadonlySet<string> = new Set(['keys', 'flushdb', 'flushall', 'info', 'sort']);
const KEYSPACE: ReadonlySet<string> = new Set(['dbsize', 'flushdb', 'flushall']);

/** ACL categories, in the order in which Redis lists them. */
function categories(spec: CommandSpec): string[] {
  const own = GROUP_CATEGORY[spec.group];
  const out: string[] = [];
  if (own === 'keyspace' || KEYSPACE.has(spec.name)) out.push('keyspace');
  if (spec.flags.includes('readonly')) out.push('read');
  if (spec.flags.includes('write')) out.push('write');
  if (own === 'string') out.push('string');
  if (spec.flags.includes('admin')) out.push('admin');
  out.push(spec.flags.includes('fast') ? 'fast' : 'slow');
  if (spec.flags.includes('admin') || DANGEROUS.has(spec.name)) out.push('dangerous');
  const isLast = own === 'connection' || own === 'transaction' || own === 'scripting';
  if (isLast && spec.name !== 'client' && spec.name !== 'function') out.push(own);
  return out;
}

function describe(spec: CommandSpec): Reply {
  const { keys } = spec;
  const subcommands = spec.subcommands === undefined ? [] : [...spec.subcommands.values()];
  return array([
    text(spec.name),
    integer(spec.arity),
    { type: 'set', items: spec.flags.map((flag: CommandFlag) => simple(flag)) },
    integer(keys?.first ?? 0),
    integer(keys?.last ?? 0),
    integer(keys?.step ?? 0),
    { type: 'set', items: categories(spec).map((category) => simple(`@${category}`)) },
    { type: 'set', items: [] },
    { type: 'set', items: [] },
    { type: 'set', items: subcommands.map(describe) },
  ]);
}

type Table = ReadonlyMap<string, CommandSpec>;

/** A command by its name, or a subcommand by `parent|name`. */
function find(table: Table, name: Uint8Array): CommandSpec | undefined {
  const [parent, child] = latin1(name).toLowerCase().split('|', 2) as [string, string?];
  const spec = table.get(parent);
  return child === undefined ? spec : spec?.subcommands?.get(child);
}

function info(table: Table, { argv }: Call): Reply {
  if (argv.length === 2) return array([...table.values()].map(describe));
  return array(
    argv.slice(2).map((name) => {
      const spec = find(table, name);
      return spec === undefined ? NULL : describe(spec);
    }),
  );
}

function list(table: Table, { argv }: Call): Reply {
  const names = [...table.keys()];
  if (argv.length === 2) return array(names.map(text));
  if (argv.length !== 5 || upper(argv[2]!) !== 'FILTERBY') return SYNTAX_ERROR;
  const kind = upper(argv[3]!);
  if (kind === 'PATTERN') {
    const glob = new Glob(latin1Bytes(latin1(argv[4]!).toLowerCase()));
    return array(names.filter((name) => glob.matches(latin1Bytes(name))).map(text));
  }
  if (kind === 'ACLCAT') {
    const wanted = latin1(argv[4]!).toLowerCase();
    const chosen = [...table.values()].filter((spec) => categories(spec).includes(wanted));
    return array(chosen.map((spec) => text(spec.name)));
  }
  return kind === 'MODULE' ? array([]) : SYNTAX_ERROR;
}

function getKeys(table: Table, { argv }: Call): Reply {
  const inner: Request = argv.slice(2);
  const name = latin1(inner[0]!).toLowerCase();
  const parent = table.get(name);
  const spec = parent?.subcommands?.get(latin1(inner[1]!).toLowerCase()) ?? parent;
  if (spec === undefined) return error('ERR Invalid command specified');
  if (spec.keys === undefined) return error('ERR The command has no key arguments');
  const { arity } = spec;
  if (arity > 0 ? inner.length !== arity : inner.length < -arity) {
    return error('ERR Invalid number of arguments specified for command');
  }
  return array(keysOf(spec.keys, inner).map(bulk));
}

function text(value: string): Reply {
  return bulk(latin1Bytes(value));
}

const FLAGS: readonly CommandFlag[] = ['loading', 'stale'];

/** COMMAND describes the table that it is itself part of, so it is made with it. */
export function commandCommand(table: Table): CommandSpec {
  const sub = (name: string, arity: number, run: (call: Call) => Reply): CommandSpec =>
    subcommand('command', 'connection', name, arity, FLAGS, run);
  const all = (): Reply => array([...table.values()].map(describe));
  return container(
    'command',
    'connection',
    -1,
    FLAGS,
    [
      sub('count', 2, () => integer(table.size)),
      sub('info', -2, (call) => info(table, call)),
      sub('docs', -2, () => ({ type: 'map', entries: [] })),
      sub('list', -2, (call) => list(table, call)),
      sub('getkeys', -4, (call) => getKeys(table, call)),
      help('command', 'connection', COMMAND_HELP),
    ],
    all,
  );
}
