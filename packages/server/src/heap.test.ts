import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const MODULE = fileURLToPath(new URL('../dist/heap.js', import.meta.url));

/** Has V8 say up to what size the old generation may grow after a collection. */
const COLLECT = `
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
setFlagsFromString('--trace-gc-verbose');
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
const alive = Array.from({ length: 200_000 }, (_, number) => ({ number }));
gc();
if (alive.length === 0) throw new Error('never');
`;

describe('letHeapGrow', () => {
  it('lets the old generation grow to several times of what lives', async () => {
    // By itself V8 chooses a factor up to 4, nearer to 1 the more collections cost.
    expect(await growthFactor('')).toBeLessThanOrEqual(4);
    const first = `import { letHeapGrow } from ${JSON.stringify(MODULE)}; letHeapGrow();`;
    expect(await growthFactor(first)).toBe(5);
  });
});

/** By which V8 multiplies what was alive after the last collection for its next limit. */
async function growthFactor(first: string): Promise<number> {
  const args = ['--input-type=module', '--eval', first + COLLECT];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
  // V8 complains here about a flag that it does not know.
  expect(stderr).toBe('');
  const factors = [...stdout.matchAll(/new limit: \d+ KB \(([\d.]+)\)/g)].map(([, factor]) =>
    Number(factor),
  );
  expect(factors).not.toEqual([]);
  return factors.at(-1)!;
}
