import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './docs/code-blocks.js';

const step = (...command: readonly string[]) => {
  const script = join(root, 'scripts/step.mjs');
  return spawnSync(process.execPath, [script, 'compile', ...command], { encoding: 'utf8' });
};

describe('a step of the build', () => {
  it('is one line with its time, whatever the command writes', () => {
    const run = step('sh', '-c', 'echo much; echo more >&2');
    expect(run).toMatchObject({ status: 0, stderr: '' });
    expect(run.stdout).toMatch(/^✓ compile {5}\d+\.\d s\n$/);
  });

  it('shows what the command wrote when it fails, and fails with it', () => {
    const run = step('sh', '-c', 'echo the reason; exit 3');
    expect(run).toMatchObject({ status: 3, stderr: 'the reason\n' });
    expect(run.stdout).toMatch(/^✗ compile {5}\d+\.\d s\n$/);
    expect(step('no-such-program').status).toBe(127);
  });
});
