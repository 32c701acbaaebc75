import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { mutants } from '../mutants/index.js';
import { MUTANT_VARIABLE } from '../mutants/mutant.js';
import { plant } from '../mutants/plant.js';
import { transpile } from '../mutants/transpile.js';

// For `node --import`: plants the one mutant of this process before anything of the product is loaded.
const root = new URL('../../../../', import.meta.url);
const name = process.env[MUTANT_VARIABLE];
const mutant = mutants.find((known) => known.name === name);
if (mutant === undefined) throw new Error(`there is no mutant ${name}`);

const modules = new Map<string, string>();
for (const [file, source] of plant(mutant, (path) => readFileSync(new URL(path, root), 'utf8'))) {
  const built = file.replace('/src/', '/dist/').replace(/\.ts$/, '.js');
  modules.set(new URL(built, root).href, transpile(source, file));
}
register('./load-hook.js', import.meta.url, { data: modules });
