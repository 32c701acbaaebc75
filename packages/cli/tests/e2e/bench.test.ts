import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '@tinykv/server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Program, runProgram } from './process.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tinykv-bench-test-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const RAFTLOG = ['bench', '--vs', 'etcd', '--rows', 'raftlog', '--max-foreign', '64'];

describe('tinykv bench --vs', { timeout: 60_000 }, () => {
  it('compares the Raft logs without any server, and ends with a line of JSON', async () => {
    const args = [...RAFTLOG, '--rounds', '2', '--seconds', '0.1', '--warm-up', '0', '--json'];
    const { code, output } = await runProgram('tinykv', args, { TMPDIR: folder });
    expect(output.trimEnd().split('\n').at(-1)).toMatch(/^\{"rows":\[.*\]\}$/);
    const { rows } = JSON.parse(output.trimEnd().split('\n').at(-1)!);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ name: 'raftlog', rounds: 2, void: 0, quiet: true });
    expect(rows[0].min).toBeLessThanOrEqual(rows[0].ratio);
    expect(rows[0].ratio).toBeLessThanOrEqual(rows[0].max);
    expect(code).toBe(EXIT.ok);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const args = [...RAFTLOG, '--seconds', '30'];
    const program = new Program('tinykv', args, { TMPDIR: folder });
    await program.waitFor(/raftlog: 1 client/);
    expect(readdirSync(folder)).toHaveLength(1);
    program.child.kill('SIGINT');
    expect(await program.ended).toBe(EXIT.failure);
    expect(program.output).toContain('interrupted');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('refuses rows of the other peer with the names that there are', async () => {
    const { code, output } = await runProgram('tinykv', [...RAFTLOG, '--rows', 'gw-incr']);
    expect(code).toBe(EXIT.usage);
    expect(output).toContain('no such row: gw-incr; the rows against etcd are raw-put-256, ');
  });

  it('refuses options that mean nothing to it, and its own without it', async () => {
    const { code, output } = await runProgram('tinykv', [...RAFTLOG, '--clients', '5']);
    expect(code).toBe(EXIT.usage);
    expect(output).toContain('--clients has no meaning with --vs');
    const other = await runProgram('tinykv', ['bench', '--rounds', '5']);
    expect(other.code).toBe(EXIT.usage);
    expect(other.output).toContain('--rounds needs --vs');
    const mode = await runProgram('tinykv', ['bench', 'raw-put', '--mode', '1pc']);
    expect(mode.code).toBe(EXIT.usage);
    expect(mode.output).toContain('--mode needs the workload txn');
  });
});
