import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scratchRoot } from './conformance/scratch.js';
import { lockFolder } from './folder-lock.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Takes the lock, says `held` or why not, and stays until it is killed. */
const PROGRAM = `
import { lockFolder } from ${JSON.stringify(join(root, 'packages/engine/src/folder-lock.ts'))};
setInterval(() => undefined, 1_000);
lockFolder(process.argv[1]).then(
  () => console.log('held'),
  (error) => { console.log(error.message); process.exit(1); },
);
`;

interface Starter {
  readonly process: ChildProcess;
  readonly answer: string;
}

/** Another PID namespace, as a container has one. */
const IN_CONTAINER = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];

function canUnshare(): boolean {
  try {
    execFileSync(IN_CONTAINER[0]!, [...IN_CONTAINER.slice(1), 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('lock of a folder', () => {
  let folder: string;
  const started: ChildProcess[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(scratchRoot, 'tinykv-lock-'));
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map(kill));
    await rm(folder, { recursive: true });
  });

  async function start(prefix: readonly string[] = []): Promise<Starter> {
    const node = [process.execPath, '--conditions=@tinykv/source', '--import', 'tsx'];
    const [command, ...args] = [...prefix, ...node, '--input-type=module', '-e', PROGRAM, folder];
    const child = spawn(command!, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    started.push(child);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return { process: child, answer: line.toString().trim() };
  }

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    // Its output closes with the last process that has it, in whatever namespace.
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
  }

  it('has one holder of three that start at once, also when a dead one left it', async () => {
    for (let round = 0; round < 2; round++) {
      const starters = await Promise.all([start(), start(), start()]);
      const holders = starters.filter(({ answer }) => answer === 'held');
      expect(holders).toHaveLength(1);
      await kill(holders[0]!.process);
    }
  }, 60_000);

  it('is refused to another process, which names the holder, and free once that is killed', async () => {
    const holder = await start();
    expect(holder.answer).toBe('held');
    const refusal = `${folder} is in use by process ${holder.process.pid}: only one`;
    await expect(lockFolder(folder)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining(refusal),
    });
    await kill(holder.process);
    const lock = await lockFolder(folder);
    await lock.release();
  });

  it('holds against a process of another PID namespace', async (context) => {
    if (!canUnshare()) {
      if (process.env['CI'] === 'true') throw new Error('unshare is needed: run as root on Linux');
      console.log('left out: PID namespaces need root and unshare (util-linux)');
      context.skip();
    }
    const inside = await start(IN_CONTAINER);
    expect(inside.answer).toBe('held');
    await expect(lockFolder(folder)).rejects.toThrow(
      /in use by process \d+ of another container \(PID namespace pid:\[\d+\]\)/,
    );
    await kill(inside.process);
    const lock = await lockFolder(folder);
    const second = await start(IN_CONTAINER);
    expect(second.answer).toContain(`in use by process ${process.pid} of another container`);
    await lock.release();
  }, 60_000);

  it('is refused twice within one process, and free after its release', async () => {
    const lock = await lockFolder(folder);
    await expect(lockFolder(folder)).rejects.toThrow(`in use by process ${process.pid}`);
    await lock.release();
    const again = await lockFolder(folder);
    await again.release();
  });

  it('of a copied folder is free, whatever the copy says of its holder', async () => {
    const holder = await start();
    expect(holder.answer).toBe('held');
    const copy = `${folder}-copy`;
    await cp(folder, copy, { recursive: true });
    const lock = await lockFolder(copy);
    await lock.release();
    await rm(copy, { recursive: true });
    await expect(lockFolder(folder)).rejects.toThrow('in use by process');
  });

  it('respects an older build that runs, and removes the lock of one that is gone', async () => {
    await writeFile(join(folder, 'LOCK'), JSON.stringify({ pid: process.pid, born: '' }));
    await expect(lockFolder(folder)).rejects.toThrow(`in use by process ${process.pid}`);
    await writeFile(join(folder, 'LOCK'), JSON.stringify({ pid: process.pid, born: 'x/1' }));
    const lock = await lockFolder(folder);
    await lock.release();
    expect(await readdir(folder)).toEqual(['LOCK.db']);
  });
});
