import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limits } from '@tinykv/base';
import { describe, expect, it } from 'vitest';

/** Rules over the repository itself. Each has a test of its own, so that a rule that cannot fail shows. */

const root = fileURLToPath(new URL('../../..', import.meta.url));
const SKIPPED = new Set([
  'node_modules',
  'dist',
  'gen',
  '.git',
  'data',
  '.cache',
  'test-long-results',
]);
const TEXT = /\.(ts|mts|mjs|cjs|js|md|json|proto|txt|yaml|yml|sh|toml|lua)$|\/(Makefile|run)$/;

interface SourceFile {
  /** Relative to the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

function readTree(folder: string): SourceFile[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : readTree(path);
    const name = relative(root, path);
    if (!entry.isFile() || !TEXT.test(`/${name}`) || name === 'pnpm-lock.yaml') return [];
    return [{ path: name, text: readFileSync(path, 'utf8') }];
  });
}

const files = readTree(root);
const sources = files.filter((file) => /^packages\/[^/]+\/src\/.*\.ts$/.test(file.path));
const production = sources.filter(
  (file) => !/\.test\.ts$|\/testing\/|\/conformance\//.test(file.path),
);

const PURE =
  /^packages\/(base|raft|model|proto|txn|replica|raftstore|scheduler|client|coprocessor|simulator|gateway)\/|^packages\/server\/src\/store\//;
/** Edges inside packages that are otherwise pure: sockets, and the processes that run simulations. */
const EDGES =
  /^packages\/(gateway\/src\/server|client\/src\/connect|simulator\/src\/(bin|real)\/[\w-]+)\.ts$/;

const bans: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  { pattern: /\bDate\.now\b|\bnew Date\b/, instead: 'env.clock' },
  { pattern: /\bMath\.random\b/, instead: 'env.rng' },
  { pattern: /\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/, instead: 'env.clock' },
  {
    pattern: /\bprocess\.(?!\w+\()\w|\bprocess\.(env|exit|on|nextTick|hrtime)\b/,
    instead: 'config',
  },
  { pattern: /\bperformance\.now\b/, instead: 'env.clock.mono' },
  { pattern: /\bconsole\./, instead: 'env.logger' },
];

/** Code without comments: a comment may name what the code must not. */
function stripComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

function findBans(file: SourceFile): string[] {
  if (!PURE.test(file.path) || EDGES.test(file.path)) return [];
  const code = stripComments(file.text);
  return bans
    .filter((ban) => ban.pattern.test(code))
    .map((ban) => `${file.path}: ${ban.pattern.source} (use ${ban.instead})`);
}

/**
 * Calls of the core that would break what a lease rests on: whoever has heard a leader does not forget it, and lets
 * no election begin before its time. Elections that no time-out causes go through `Group.campaign`, which keeps the promise.
 */
const BREACHES: readonly RegExp[] = [
  /\.forgetLeader\(/,
  /\bMsgForgetLeader\b/,
  /\.setRandomizedElectionTimeout\(/,
  /\bnode\.campaign\(/,
];
/** The core itself, the wrapper, and the group with one voter, which nobody leads but itself. */
const MAY_BREACH =
  /^packages\/(raft\/src\/|replica\/src\/group\.ts$|scheduler\/src\/raft-group\.ts$)/;

function findBreaches(file: SourceFile): string[] {
  if (MAY_BREACH.test(file.path)) return [];
  const code = stripComments(file.text);
  return BREACHES.filter((breach) => breach.test(code)).map((b) => `${file.path}: ${b.source}`);
}

const LINES_MAX = 800;
const LINES_ASK = 500;
/** Files that are longer than 500 lines and why they may be; the list may only shrink. */
const LONG_FILES: Readonly<Record<string, number>> = {};

/** Entries of a list of long files that say nothing any more, or allow more than they need. */
function findLooseEntries(
  list: Readonly<Record<string, number>>,
  known: readonly SourceFile[],
): string[] {
  return Object.entries(list).flatMap(([path, allowed]) => {
    const file = known.find((candidate) => candidate.path === path);
    if (file === undefined) return [`${path} is gone`];
    const lines = file.text.split('\n').length - 1;
    if (lines <= LINES_ASK) return [`${path} is short now`];
    if (allowed > LINES_MAX) return [`${path} may not have ${allowed} lines`];
    return allowed > lines ? [`${path} has ${lines} lines, fewer than ${allowed}`] : [];
  });
}

function findUnused(names: readonly string[], text: string): string[] {
  return names.filter((name) => !new RegExp(`\\blimits\\.${name}\\b`).test(text));
}

/** Tests that are left out, or that leave all others out. */
const SINGLED = new RegExp(
  `\\b(it|test|describe)(\\.\\w+)*\\.(${['on' + 'ly', 'sk' + 'ip', 'to' + 'do', 'fa' + 'ils'].join('|')})\\b`,
);

function findLongFiles(list: readonly SourceFile[]): string[] {
  return list.flatMap((file) => {
    const lines = file.text.split('\n').length - 1;
    const allowed = LONG_FILES[file.path] ?? LINES_ASK;
    return lines > Math.min(allowed, LINES_MAX) ? [`${file.path}: ${lines} lines`] : [];
  });
}

// Written in pieces, so that this file passes its own rules.
const LEFTOVERS = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`);
/** The repository speaks of the product alone. */
const OFF_TOPIC = new RegExp(
  [
    'chat' + 'gpt',
    'clau' + 'de',
    'co' + 'pilot',
    'language mod' + 'el',
    'the is' + 'sue says',
  ].join('|'),
  'i',
);

function findWords(file: SourceFile): string[] {
  return [LEFTOVERS, OFF_TOPIC]
    .map((pattern) => pattern.exec(file.text)?.[0])
    .filter((word) => word !== undefined)
    .map((word) => `${file.path}: ${word}`);
}

/** Relative links of a Markdown page that lead nowhere, with anchors of headings checked too. */
function findDeadLinks(page: SourceFile): string[] {
  const links = [...page.text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => !linkResolves(page, link))
    .map((link) => `${page.path}: ${link}`);
}

function linkResolves(page: SourceFile, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(root, page.path) : resolve(root, dirname(page.path), path);
  if (!existsSync(target)) return false;
  if (anchor === undefined || statSync(target).isDirectory()) return true;
  const line = /^L(\d+)$/.exec(anchor)?.[1];
  const text = readFileSync(target, 'utf8');
  if (line !== undefined) return Number(line) <= text.split('\n').length;
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map((match) => slug(match[1] ?? ''));
  return headings.includes(anchor);
}

function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

describe('tidy', () => {
  it('finds the repository', () => {
    expect(sources.length).toBeGreaterThan(50);
  });

  it('pure packages reach the world only through Env', () => {
    expect(production.flatMap(findBans)).toEqual([]);
  });

  it('knows a clock, a random number, a timer and the process when it sees them', () => {
    const path = 'packages/raft/src/x.ts';
    for (const text of [
      'Date.now()',
      'Math.random()',
      'setTimeout(f, 1)',
      'process.env',
      'console.log()',
    ])
      expect(findBans({ path, text })).toHaveLength(1);
    expect(findBans({ path, text: '// Date.now() would be wrong here\nclock.mono()' })).toEqual([]);
    expect(findBans({ path: 'packages/env-real/src/clock.ts', text: 'Date.now()' })).toEqual([]);
  });

  it('no production code breaks the promise that leases rest on', () => {
    expect(production.flatMap(findBreaches)).toEqual([]);
    const path = 'packages/raftstore/src/x.ts';
    for (const text of ['peer.group.node.forgetLeader();', 'child.group.node.campaign();'])
      expect(findBreaches({ path, text })).toHaveLength(1);
    expect(findBreaches({ path, text: 'child.group.campaign();' })).toEqual([]);
  });

  it('files stay short enough to hold in mind', () => {
    expect(findLongFiles(files.filter((file) => /\.m?ts$/.test(file.path)))).toEqual([]);
    expect(findLongFiles([{ path: 'a.ts', text: 'x\n'.repeat(501) }])).toHaveLength(1);
  });

  it('the list of long files only shrinks', () => {
    expect(findLooseEntries(LONG_FILES, files)).toEqual([]);
    const long = { path: 'a.ts', text: 'x\n'.repeat(510) };
    expect(findLooseEntries({ 'a.ts': 510 }, [long])).toEqual([]);
    expect(findLooseEntries({ 'a.ts': 511 }, [long])).toEqual([
      'a.ts has 510 lines, fewer than 511',
    ]);
    expect(findLooseEntries({ 'a.ts': 801 }, [long])).toEqual(['a.ts may not have 801 lines']);
    expect(findLooseEntries({ 'a.ts': 500 }, [{ ...long, text: 'x\n' }])).toEqual([
      'a.ts is short now',
    ]);
    expect(findLooseEntries({ 'b.ts': 510 }, [long])).toEqual(['b.ts is gone']);
  });

  it('nothing is left to be done in a comment', () => {
    expect(files.filter((file) => file.path !== 'LICENSE').flatMap(findWords)).toEqual([]);
    expect(findWords({ path: 'a.ts', text: `// ${'TO' + 'DO'}: later` })).toHaveLength(1);
  });

  it('links in pages lead somewhere', () => {
    const pages = files.filter((file) => file.path.endsWith('.md'));
    expect(pages.flatMap(findDeadLinks)).toEqual([]);
    expect(findDeadLinks({ path: 'README.md', text: '[x](nowhere.md)' })).toHaveLength(1);
  });

  it('every limit is used', () => {
    const text = production
      .map((file) => (file.path.endsWith('limits.ts') ? '' : file.text))
      .join('\n');
    expect(findUnused(Object.keys(limits), text)).toEqual([]);
    expect(findUnused(['a', 'aMax'], 'limits.aMax')).toEqual(['a']);
  });

  it('nobody skips or singles out a test', () => {
    const tests = files.filter((file) => file.path.endsWith('.test.ts'));
    expect(tests.filter((file) => SINGLED.test(file.text)).map((file) => file.path)).toEqual([]);
    for (const mark of ['on' + 'ly(', 'on' + 'ly.each(', 'concurrent.sk' + 'ip('])
      expect(SINGLED.test(`it.${mark}`), mark).toBe(true);
    expect(SINGLED.test('it.each(')).toBe(false);
  });
});
