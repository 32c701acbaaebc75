import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { mutants } from '../src/mutants/index.js';
import type { Mutant } from '../src/mutants/mutant.js';
import { plant } from '../src/mutants/plant.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Checks the types of mutants one after the other; what they do not touch is read once. */
class Checker {
  readonly #options: ts.CompilerOptions;
  readonly #host: ts.CompilerHost;
  readonly #files = new Map<string, ts.SourceFile | undefined>();
  #planted: ReadonlyMap<string, string> = new Map();
  #program: ts.Program | undefined;

  constructor() {
    const config = join(root, 'tsconfig.base.json');
    const { options } = ts.parseJsonConfigFileContent(
      ts.readConfigFile(config, ts.sys.readFile).config,
      ts.sys,
      dirname(config),
    );
    this.#options = {
      ...options,
      noEmit: true,
      composite: false,
      incremental: false,
      declaration: false,
      declarationMap: false,
      isolatedDeclarations: false,
      // A mistake may leave things unused.
      noUnusedLocals: false,
      noUnusedParameters: false,
      types: ['node'],
    };
    this.#host = ts.createCompilerHost(this.#options);
    const read = this.#host.getSourceFile.bind(this.#host);
    this.#host.getSourceFile = (name, options) => {
      const text = this.#planted.get(name);
      if (text !== undefined) return ts.createSourceFile(name, text, options);
      if (!this.#files.has(name)) this.#files.set(name, read(name, options));
      return this.#files.get(name);
    };
  }

  /** The compiler's complaints about the files of a mutant. */
  faultsOf(mutant: Mutant): readonly string[] {
    const planted = plant(mutant, (file) => readFileSync(join(root, file), 'utf8'));
    this.#planted = new Map([...planted].map(([file, text]) => [join(root, file), text]));
    const names = [...this.#planted.keys()];
    const program = ts.createProgram(names, this.#options, this.#host, this.#program);
    this.#program = program;
    return names.flatMap((name) => {
      const file = program.getSourceFile(name);
      return [
        ...program.getSyntacticDiagnostics(file),
        ...program.getSemanticDiagnostics(file),
      ].map(({ messageText }) => `${name}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
    });
  }
}

/** At full size all of them; else one of each package. */
function chosen(): readonly Mutant[] {
  if (process.env['TINYKV_LONG'] === '1') return mutants;
  const first = new Map(mutants.map((mutant) => [mutant.name.split('-')[0], mutant]));
  return [...first.values()];
}

describe('the types of mutants', () => {
  const checker = new Checker();

  it.each(chosen().map((mutant) => [mutant.name, mutant] as const))('%s', (_, mutant) => {
    expect(checker.faultsOf(mutant)).toEqual([]);
  });

  it('are checked: a mutant with a fault is refused', () => {
    const [first] = mutants;
    const [edit] = first!.edits;
    const faulty = { ...first!, edits: [{ ...edit!, replace: `${edit!.find}\nnoSuchThing;\n` }] };
    expect(checker.faultsOf(faulty).join()).toContain('noSuchThing');
  });
});
