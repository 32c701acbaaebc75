import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createEnv } from '../../env-real/src/index.js';
import { plantedBugs } from './planted-bugs.js';

const packages = new URL('../../', import.meta.url);

/** Names of the bugs that stand in the code of all packages but the simulator, a place each. */
function namesInCode(): string[] {
  const names: string[] = [];
  for (const name of readdirSync(packages)) {
    if (name === 'simulator') continue;
    const folder = new URL(`${name}/src/`, packages);
    for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const isProduction = path.endsWith('.ts') && !/\.test\.ts$|(^|\/)testing\//.test(path);
      if (!isProduction) continue;
      const text = readFileSync(new URL(path, folder), 'utf8');
      for (const [, planted] of text.matchAll(/planted\(\s*'([^']+)'/g)) names.push(planted!);
    }
  }
  return names.sort();
}

describe('planted bugs', () => {
  it('stand in the code and in the list, each once', () => {
    expect(namesInCode()).toEqual(plantedBugs.map(({ name }) => name).sort());
  });

  it('are at least 46, and 7 or more of each package', () => {
    const counts = new Map<string, number>();
    for (const { package: of } of plantedBugs) counts.set(of, (counts.get(of) ?? 0) + 1);
    expect([...counts.keys()].sort()).toEqual(['gateway', 'raft', 'raftstore', 'scheduler', 'txn']);
    expect(Math.min(...counts.values())).toBeGreaterThanOrEqual(7);
    expect(plantedBugs.length).toBeGreaterThanOrEqual(46);
    expect(new Set(plantedBugs.map(({ name }) => name)).size).toBe(plantedBugs.length);
  });

  it('are named after their package', () => {
    for (const bug of plantedBugs)
      expect(bug.name).toMatch(new RegExp(`^${bug.package}(-[a-z]+)+$`));
  });

  it('are all off in production', async () => {
    const env = createEnv({ name: 'test', logLevel: 'fatal' });
    expect(plantedBugs.filter(({ name }) => env.planted(name))).toEqual([]);
    await env.close();
  });
});
