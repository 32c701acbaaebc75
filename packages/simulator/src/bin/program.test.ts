import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runProgram } from './program.js';

describe('runProgram', () => {
  let written = '';
  beforeEach(() => {
    written = '';
    const write = (text: unknown): boolean => {
      written += String(text);
      return true;
    };
    vi.spyOn(process.stdout, 'write').mockImplementation(write);
    vi.spyOn(process.stderr, 'write').mockImplementation(write);
  });
  afterEach(() => vi.restoreAllMocks());

  it('ends with 2 and one line when it cannot tell what is meant', async () => {
    const lines: readonly (readonly [string[], RegExp])[] = [
      [[], /^sim: say --seed, --seeds or --plan\n$/],
      [['--seed', 'x'], /^error: option '--seed <n>' argument 'x' is invalid/],
      [['--seeds', '0'], /above zero/],
      [['--profile', 'none'], /Allowed choices are light, dense, swarm/],
      [['--workload', 'none'], /Allowed choices are raw, txn, redis, churn, all/],
      [['--plan', '/no/such/file'], /^sim: cannot use \/no\/such\/file: ENOENT/],
      [['planted', '--mutant', 'none'], /No such mutant: none/],
      [['plant'], /^error: too many arguments/],
    ];
    for (const [args, message] of lines) {
      written = '';
      expect(await runProgram(args), args.join(' ')).toBe(2);
      expect(written).toMatch(message);
    }
  });

  it('ends with 0 after its help', async () => {
    expect(await runProgram(['--help'])).toBe(0);
    expect(written).toContain('Exit codes: 0 ok, 1 a violation, 2 usage.');
    expect(await runProgram(['planted', '--help'])).toBe(0);
  });
});
