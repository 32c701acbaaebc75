import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KvEntry } from '@tinykv/base';
import { LevelEngine } from '@tinykv/engine';
import type { FormerCluster } from '../src/cluster/cluster.js';
import { entriesOf } from '../src/world/machine-engine.js';
import type { NamedBytes } from '../src/world/stored-folder.js';

const testdata = fileURLToPath(new URL('../../server/testdata', import.meta.url));
const everything = { start: new Uint8Array(0), end: new Uint8Array(0) };

/** The folders that are kept of a former format. Reads real files: before a simulation, not in one. */
export async function formerCluster(format: number): Promise<FormerCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'tinykv-former-'));
  try {
    const archive = join(testdata, `format-${format}`, 'data.tar.gz');
    execFileSync('tar', ['xzf', archive, '-C', folder]);
    const state = readFileSync(join(folder, 'scheduler/scheduler.state'));
    return {
      scheduler: {
        log: filesIn(join(folder, 'scheduler/raft')),
        files: [['scheduler.state', state]],
        entries: [],
      },
      store: {
        log: filesIn(join(folder, 'store/raft')),
        files: [],
        entries: await levelEntries(join(folder, 'store/kv')),
      },
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function filesIn(folder: string): NamedBytes[] {
  return readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]);
}

async function levelEntries(path: string): Promise<KvEntry[]> {
  const engine = await LevelEngine.open(path);
  const entries = await entriesOf(engine, everything);
  await engine.close();
  return entries;
}
