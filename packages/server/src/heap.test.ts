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
    expect(await growthFactor('')).toBeLessThan(4.5);
    const first = `import { letHeapGrow } from ${JSON.stringify(MODULE)}; letHeapGrow();`;
    expect(await growthFactor(first)).toBeGreaterThanOrEqual(5);
  });
});

/** Limit after the last collection, as a multiple of what was alive. */
async function growthFactor(first: string): Promise<number> {
  const args = ['--input-type=module', '--eval', first + COLLECT];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
  // V8 complains here about a flag that it does not know.
  expect(stderr).toBe('');
  const limits = [...stdout.matchAll(/old size: (\d+) KB, new limit: (\d+) KB/g)];
  expect(limits).not.toEqual([]);
  const [, alive, limit] = limits.at(-1)!;
  return Number(limit) / Number(alive);
}
