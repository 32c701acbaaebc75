import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const MODULE = fileURLToPath(new URL('../dist/heap.js', import.meta.url));

/** What a busy store does to its heap: much lives, and buffers come and go. */
const CHURN = `
import { performance, PerformanceObserver, constants } from 'node:perf_hooks';
const alive = Array.from({ length: 200_000 }, (_, i) => ({ key: 'k' + i, value: [i] }));
let major = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (entry.detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) major += 1;
});
observer.observe({ entryTypes: ['gc'] });
for (let turn = 0; turn < 8_000; turn += 1) {
  const buffers = Array.from({ length: 100 }, () => Buffer.allocUnsafeSlow(10_000));
  await new Promise((resolve) => setImmediate(resolve));
  if (buffers.length !== 100) throw new Error('never');
}
await new Promise((resolve) => setTimeout(resolve, 50));
process.stdout.write(JSON.stringify({ major, alive: alive.length }));
`;

describe('letHeapGrow', () => {
  it('a heap with much alive and buffers that come and go is marked rarely', async () => {
    const alone = await majorCollections('');
    const grown = await majorCollections(
      `import { letHeapGrow } from ${JSON.stringify(MODULE)}; letHeapGrow();`,
    );
    expect(alone).toBeGreaterThanOrEqual(8);
    expect(grown).toBeLessThanOrEqual(alone / 2);
  });
});

async function majorCollections(first: string): Promise<number> {
  const run = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    first + CHURN,
  ]);
  expect(run.stderr).toBe('');
  return (JSON.parse(run.stdout) as { major: number }).major;
}
