/**
 * Writes `src/gen/*.ts` from `/proto/*.proto`: plain functions per message, no reflection at run time.
 * The output is not committed; `pnpm generate` is part of the build.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateFile } from './emit-file.js';
import { loadProtoFiles, PROTO_DIR } from './load.js';

const outDir = fileURLToPath(new URL('../src/gen', import.meta.url));
mkdirSync(outDir, { recursive: true });

const files = loadProtoFiles(PROTO_DIR);
const written = new Set<string>();
for (const file of files) {
  const name = `${file.packageName}.ts`;
  writeFileSync(join(outDir, name), generateFile(file));
  written.add(name);
}
for (const name of readdirSync(outDir)) {
  if (!written.has(basename(name))) rmSync(join(outDir, name));
}
console.log(`proto: ${written.size} files in ${outDir}`);
