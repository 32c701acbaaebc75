import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root: string = fileURLToPath(new URL('../../../..', import.meta.url));

/** Every page that tells a reader what to type, by its path from the root. */
export function pages(): string[] {
  const under = (folder: string): string[] =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`);
  const own = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'];
  return [...own, ...under('docs'), ...under('docs/internals')];
}

export function read(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

/** The text from a heading to the next one of its level or above. */
export function section(page: string, heading: string): string {
  const text = read(page);
  const start = text.indexOf(`\n## ${heading}\n`);
  if (start < 0) throw new Error(`${page} has no section "${heading}"`);
  const end = text.indexOf('\n## ', start + 1);
  return text.slice(start, end < 0 ? undefined : end);
}

/** The fenced blocks of one language, in order. */
export function blocks(text: string, language: string): string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms');
  return [...text.matchAll(pattern)].map((match) => match[1]!);
}

/** Commands of shell blocks and of code spans that begin with one of our programs, with the page of each. */
export function commandsOf(page: string): string[] {
  const text = read(page);
  const lines = blocks(text, 'sh').flatMap((block) => block.split('\n'));
  const spans = [...text.replace(/^```.*?^```$/gms, '').matchAll(/`([^`\n]+)`/g)]
    .map((match) => match[1]!)
    .filter((span) => /^(scripts\/)?(make|pnpm|tinykv|tinykv-server|tinykv-gateway) /.test(span));
  return [...lines, ...spans].filter((line) => line.trim() !== '');
}

/** Words of a shell line, without quotes and without the comment at its end. */
export function wordsOf(line: string): string[] {
  const words = line.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];
  const comment = words.findIndex((word) => word.startsWith('#'));
  return words.slice(0, comment < 0 ? undefined : comment).map((word) => word.replace(/["']/g, ''));
}
