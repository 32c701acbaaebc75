import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Counts } from './vitest-run.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = 'packages/simulator/dist/bin/sim.js';

/** Runs a command of the simulator, compiled, and counts what it reports. No report counts as a failure. */
export async function runSimulator(args: readonly string[]): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), 'tinykv-sim-'));
  const report = join(folder, 'counts.json');
  const child = spawn('node', ['--enable-source-maps', program, ...args, '--counts', report], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exit) => resolve(exit ?? 1));
  });
  const counts = existsSync(report)
    ? (JSON.parse(readFileSync(report, 'utf8')) as Counts)
    : { passed: 0, failed: 1 };
  rmSync(folder, { recursive: true });
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}
