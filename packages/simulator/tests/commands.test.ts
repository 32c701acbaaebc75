import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawPlan } from '../src/run/plan.js';

// The compiled program, as people run it: its workers are processes of their own.
const program = fileURLToPath(new URL('../dist/bin/sim.js', import.meta.url));

function sim(...args: readonly string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync('node', [program, ...args], { encoding: 'utf8' });
  return { status, out: stdout, err: stderr };
}

describe('pnpm sim', { timeout: 120_000 }, () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tinykv-sim-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('replays a seed up to an event, the same every time, and says what came last', () => {
    const args = ['--seed', '3', '--workload', 'raw', '--until', '2000', '--log'];
    const first = sim(...args);
    expect(first).toMatchObject({ status: 0, err: '' });
    expect(first.out).toMatch(/^hash [0-9a-f]{8} after 2000 events, /m);
    expect(first.out).toMatch(/^\d+ [\d.]+ store-1: /m);
    const again = sim(...args, '--json');
    const [report, totals] = again.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    const hash = /^hash (\w+)/m.exec(first.out)?.[1];
    expect(report).toMatchObject({ seed: 3, workload: 'raw', hash, events: 2_000 });
    expect(totals).toMatchObject({ seeds: 1, failed: 0 });
  });

  it('blames the death of a worker on the plan that it was at', () => {
    const plan = drawPlan({ seed: 11, profile: 'swarm', workload: 'raw' });
    const path = join(folder, 'broken.json');
    writeFileSync(path, JSON.stringify({ ...plan, mutant: 'no-such-one' }));
    const small = join(folder, 'small.json');
    const { status, out } = sim('--plan', path, '--shrink', '--shrink-runs', '3', '--out', small);
    expect(status).toBe(1);
    expect(out).toMatch(/^FAILED seed 11, .*\n {2}worker: the process of the run ended with 1$/m);
    expect(out).toContain(`  replay: pnpm sim --plan ${path}`);
    // What always fails needs no fault; that is tried first.
    expect(JSON.parse(readFileSync(small, 'utf8'))).toMatchObject({
      seed: 11,
      faults: [],
    });
  });
});
