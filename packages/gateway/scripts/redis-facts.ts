import type { ReplyValue, RespClient } from '../src/testing/resp-client.js';

/* The words of a running redis-server about its commands, as the rows that `src/command/facts.ts` reads. */

export interface FactRows {
  readonly commands: string;
  readonly keyNotes: string;
}

type Values = readonly ReplyValue[];

/** Asks COMMAND and COMMAND DOCS, in RESP2. Texts of COMMAND DOCS other than the complexity are left out. */
export async function factRows(client: RespClient): Promise<FactRows> {
  const commands = (await client.send('command')).value as readonly Values[];
  const docs = mapOf((await client.send('command', 'docs')).value);
  const rows: string[] = [];
  const notes: string[] = [];
  for (const command of sorted(commands)) {
    addRow(command, mapOf(docs.get(command[0] as string)!), '', rows, notes);
  }
  return { commands: rows.join('\n'), keyNotes: notes.join('\n') };
}

function sorted(commands: readonly Values[]): Values[] {
  return [...commands].sort((a, b) => ((a[0] as string) < (b[0] as string) ? -1 : 1));
}

function mapOf(value: ReplyValue): ReadonlyMap<string, ReplyValue> {
  const map = new Map<string, ReplyValue>();
  const items = value as Values;
  for (let i = 0; i < items.length; i += 2) map.set(items[i] as string, items[i + 1]!);
  return map;
}

function addRow(
  command: Values,
  doc: ReadonlyMap<string, ReplyValue>,
  indent: string,
  rows: string[],
  notes: string[],
): void {
  const [name, arity, flags, , , , categories, tips, keySpecs, subcommands] = command as [
    string,
    number,
    Values,
    number,
    number,
    number,
    string[],
    Values,
    Values,
    Values[],
  ];
  const specs = keySpecs.map(mapOf);
  const deprecated = doc.get('deprecated_since');
  const fields = [
    name,
    arity,
    list(flags),
    list(categories.map((category) => category.slice(1))),
    doc.get('group'),
    doc.get('since'),
    list((doc.get('doc_flags') as Values | undefined) ?? []) +
      (deprecated === undefined ? '' : `:${String(deprecated)}`),
    list(tips),
    list(specs.map(keySpec), ';'),
    doc.get('complexity') ?? '',
  ];
  rows.push(`${indent}${fields.join(' ')}`.trimEnd());
  for (const [i, spec] of specs.entries()) {
    if (spec.has('notes')) notes.push(`${name} ${i} ${String(spec.get('notes'))}`);
  }
  if (subcommands.length === 0) return;
  const docs = mapOf(doc.get('subcommands')!);
  for (const child of sorted(subcommands)) {
    addRow(child, mapOf(docs.get(child[0] as string)!), `${indent}  `, rows, notes);
  }
}

function list(values: Values, separator = ','): string {
  return values.length === 0 ? '-' : values.join(separator);
}

function keySpec(spec: ReadonlyMap<string, ReplyValue>): string {
  const begin = mapOf(spec.get('begin_search')!);
  const find = mapOf(spec.get('find_keys')!);
  const place = begin.get('type') === 'unknown' ? '?' : beginText(begin) + findText(find);
  return `${(spec.get('flags') as Values).join('+')}@${place}`;
}

function beginText(begin: ReadonlyMap<string, ReplyValue>): string {
  const spec = mapOf(begin.get('spec')!);
  return begin.get('type') === 'index'
    ? String(spec.get('index'))
    : `${String(spec.get('keyword'))}>${String(spec.get('startfrom'))}`;
}

function findText(find: ReadonlyMap<string, ReplyValue>): string {
  const spec = mapOf(find.get('spec')!);
  const step = spec.get('keystep') === 1 ? '' : `/${String(spec.get('keystep'))}`;
  if (find.get('type') === 'keynum') {
    return `#${String(spec.get('keynumidx'))}+${String(spec.get('firstkey'))}${step}`;
  }
  const last = spec.get('lastkey') === 0 ? '' : `..${String(spec.get('lastkey'))}`;
  const limit = spec.get('limit') === 0 ? '' : `%${String(spec.get('limit'))}`;
  return `${last}${step}${limit}`;
}
