import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface VitestReport {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly unknown[];
  }[];
}

export interface RunOptions {
  /** One file at a time: for tests that start processes and measure time. */
  readonly serial: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs vitest with its usual output and counts what it reports. A run that ends badly counts as a failure. */
export async function runVitest(args: readonly string[], options: RunOptions): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), 'tinykv-test-'));
  const report = join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const serial = options.serial ? ['--no-file-parallelism'] : [];
  const child = spawn('node_modules/.bin/vitest', ['run', ...reporters, ...serial, ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...options.env },
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exit) => resolve(exit ?? 1));
  });
  const counts = existsSync(report)
    ? countReport(JSON.parse(readFileSync(report, 'utf8')) as VitestReport)
    : { passed: 0, failed: 1 };
  rmSync(folder, { recursive: true });
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** A file that fails outside its tests (a bad import, a hook) reports none of them: it counts as one. */
function countReport(report: VitestReport): Counts {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  return { passed: report.numPassedTests, failed: report.numFailedTests + brokenFiles };
}

/** Prints the one line that closes every suite; returns the exit status. */
export function printSummary(counts: readonly Counts[]): number {
  const passed = counts.reduce((sum, part) => sum + part.passed, 0);
  const failed = counts.reduce((sum, part) => sum + part.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}
