import type { Edit, Mutant } from './mutant.js';

/**
 * The files of a mutant with its edits, by their paths from the root of the repository; `read` returns a file's
 * text. Throws an error that names the mutant where a text to be found does not stand exactly once.
 */
export function plant(
  { name, edits }: Mutant,
  read: (file: string) => string,
): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const edit of edits) {
    sources.set(edit.file, applied(name, edit, sources.get(edit.file) ?? read(edit.file)));
  }
  return sources;
}

function applied(name: string, { file, find, replace }: Edit, source: string): string {
  const parts = source.split(find);
  if (parts.length === 2) return parts.join(replace);
  const times = parts.length === 1 ? 'not' : `${parts.length - 1} times`;
  throw new Error(`mutant ${name}: this is ${times} in ${file}:\n${find}`);
}
