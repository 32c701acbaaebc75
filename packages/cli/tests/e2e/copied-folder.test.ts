import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withCluster } from '../scenarios/live-cluster.js';
import { freePort, Program } from './process.js';

it('a copy of a living store ends with an error that says the way out; the store notices nothing', {
  timeout: 180_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tinykv-copied-'));
  const print = (line: string): void => console.log(line);
  const cluster = { name: 'copied', stores: 3, gateway: false, portBase: 29_500, print };
  try {
    await withCluster(cluster, async (live) => {
      const original = live.cluster.stores[0]!;
      const filter = (path: string): boolean => !path.includes('LOCK');
      cpSync(join(live.dataDir, original.spec.name), folder, { recursive: true, filter });
      const copy = new Program('tinykv-server', [
        '--scheduler',
        live.cluster.schedulerAddress,
        '--addr',
        `127.0.0.1:${await freePort()}`,
        '--path',
        folder,
      ]);
      expect(await copy.ended).toBe(1);
      expect(copy.output).toContain(`runs at ${original.spec.address} (start `);
      expect(copy.output).toMatch(/empty folder.*stop the other first/);
      expect(original.state).toBe('running');
      const client = await live.client();
      await client.raw.put(new Uint8Array([1]), new Uint8Array([2]));
      client.close();
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
