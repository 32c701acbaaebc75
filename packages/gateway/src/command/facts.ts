import { assert, InvariantError } from '@tinykv/base';
import { redisCommands, redisKeyNotes } from './redis-commands.js';

/** As COMMAND INFO names them. */
export type CommandFlag =
  | 'write'
  | 'readonly'
  | 'denyoom'
  | 'admin'
  | 'pubsub'
  | 'noscript'
  | 'blocking'
  | 'loading'
  | 'stale'
  | 'skip_monitor'
  | 'skip_slowlog'
  | 'asking'
  | 'fast'
  | 'no_auth'
  | 'no_async_loading'
  | 'no_multi'
  | 'no_mandatory_keys'
  | 'movablekeys'
  | 'allow_busy';

/** Where the search for keys begins. */
export type BeginSearch =
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'keyword'; readonly keyword: string; readonly from: number }
  | { readonly type: 'unknown' };

/** Which arguments are keys from there on. */
export type FindKeys =
  | { readonly type: 'range'; readonly last: number; readonly step: number; readonly limit: number }
  | { readonly type: 'keynum'; readonly at: number; readonly first: number; readonly step: number }
  | { readonly type: 'unknown' };

/** Some of the keys of a command, and what it does with them: `RO access`, `RW update`, `OW`, `RM delete` … */
export interface KeySpec {
  readonly flags: readonly string[];
  readonly begin: BeginSearch;
  readonly find: FindKeys;
  readonly note?: string;
}

/** Facts of Redis about a command: the part of a command that does not depend on who carries it out. */
export interface CommandFacts {
  /** In lower case; a sub-command is `parent|name`. */
  readonly name: string;
  /** Number of arguments with the name; a negative value means "at least -arity". */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  /** ACL categories without their `@`. */
  readonly categories: readonly string[];
  readonly group: string;
  /** The version of Redis that first had it. */
  readonly since: string;
  readonly docFlags: readonly string[];
  readonly deprecatedSince?: string;
  readonly tips: readonly string[];
  readonly keySpecs: readonly KeySpec[];
  /** Empty for some. */
  readonly complexity: string;
  /** By their names without the parent's. */
  readonly subcommands?: ReadonlyMap<string, CommandFacts>;
}

/**
 * Reads rows of facts: one command a line, its sub-commands after it, two columns in. Fields are separated by single
 * spaces, lists by commas, `-` is an empty field, and what is left is the complexity:
 *
 *     name arity flags categories group since docFlags[:deprecatedSince] tips keySpecs complexity
 *
 * Key specifications, separated by `;`: `flag+flag@begin` and what is found from there.
 *
 *     @1 …        begins at this argument         @KEYS>-2 …   after this word, which is sought from this argument on
 *     @1          one key                         @1..-1/2     to the last argument, each second one
 *     @S>1..-1%2  the first half of the rest      @2#0+1/1     a number at 0, the keys from 1 on
 *     @?          nobody can tell
 */
export function readFacts(
  rows: string = redisCommands,
  notes: string = redisKeyNotes,
): ReadonlyMap<string, CommandFacts> {
  const noteOf = readNotes(notes);
  const facts = new Map<string, CommandFacts>();
  let children = new Map<string, CommandFacts>();
  let parent = '';
  for (const row of rows.split('\n')) {
    if (row.trim() === '') continue;
    const one = readRow(row.trimStart(), noteOf);
    if (row.startsWith(' ')) {
      assert(one.name.startsWith(`${parent}|`), () => `${one.name} stands below ${parent}`);
      if (children.size === 0) {
        facts.set(parent, { ...facts.get(parent)!, subcommands: children });
      }
      children.set(one.name.slice(parent.length + 1), one);
      continue;
    }
    assert(!facts.has(one.name), () => `command ${one.name} has two rows`);
    facts.set(one.name, one);
    parent = one.name;
    children = new Map();
  }
  return facts;
}

/** The fields before the complexity. */
type Row = [string, string, string, string, string, string, string, string, string];

function readRow(row: string, noteOf: ReadonlyMap<string, string>): CommandFacts {
  const fields = row.split(' ');
  assert(fields.length >= 9, () => `row of facts with ${fields.length} fields: ${row}`);
  const [name, arity, flags, categories, group, since, doc, tips, keys] = fields as Row;
  const [docFlags, deprecatedSince] = doc.split(':');
  return {
    name,
    arity: Number(arity),
    flags: list(flags) as CommandFlag[],
    categories: list(categories),
    group,
    since,
    docFlags: list(docFlags!),
    ...(deprecatedSince === undefined ? {} : { deprecatedSince }),
    tips: list(tips),
    keySpecs: list(keys, ';').map((text, i) => readKeySpec(text, noteOf.get(`${name} ${i}`))),
    complexity: fields.slice(9).join(' '),
  };
}

function list(field: string, separator = ','): string[] {
  return field === '-' ? [] : field.split(separator);
}

const KEY_SPEC =
  /^(?<flags>[^@]+)@(?:(?<unknown>\?)|(?:(?<word>[A-Z]+)>)?(?<begin>-?\d+)(?:\.\.(?<last>-?\d+))?(?:#(?<at>\d+)\+(?<first>\d+))?(?:\/(?<step>\d+))?(?:%(?<limit>\d+))?)$/;

function readKeySpec(text: string, note: string | undefined): KeySpec {
  const parts = KEY_SPEC.exec(text)?.groups as Record<string, string | undefined> | undefined;
  if (parts === undefined) throw new InvariantError(`key specification ${text}`);
  const flags = parts['flags']!.split('+');
  const noted = note === undefined ? {} : { note };
  if (parts['unknown'] !== undefined) {
    return { flags, begin: { type: 'unknown' }, find: { type: 'unknown' }, ...noted };
  }
  const start = Number(parts['begin']);
  const { word } = parts;
  const begin: BeginSearch =
    word === undefined
      ? { type: 'index', index: start }
      : { type: 'keyword', keyword: word, from: start };
  const step = Number(parts['step'] ?? 1);
  const find: FindKeys =
    parts['at'] === undefined
      ? {
          type: 'range',
          last: Number(parts['last'] ?? 0),
          step,
          limit: Number(parts['limit'] ?? 0),
        }
      : { type: 'keynum', at: Number(parts['at']), first: Number(parts['first']), step };
  return { flags, begin, find, ...noted };
}

/** Rows of `command index text`: what Redis notes at the key specification with this index. */
function readNotes(rows: string): ReadonlyMap<string, string> {
  const notes = new Map<string, string>();
  for (const row of rows.split('\n')) {
    const [, place, text] = /^(\S+ \d+) (.*)$/.exec(row) ?? [];
    if (place !== undefined && text !== undefined) notes.set(place, text);
  }
  return notes;
}
