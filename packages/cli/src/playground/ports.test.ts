import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { choosePorts, HOST, portBlock } from './ports.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function occupy(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    servers.push(server);
    server.once('error', reject);
    server.listen(port, HOST, resolve);
  });
}

describe('ports of a playground', () => {
  it('are the known ones at first', () => {
    const block = portBlock(undefined, 0);
    expect([block.scheduler, block.gateway, block.stores[0], block.storeStatus[0]]).toEqual([
      2379, 6379, 20_160, 20_180,
    ]);
  });

  it('no two members share one', () => {
    for (const base of [undefined, 30_000]) {
      const { stores, storeStatus, ...single } = portBlock(base, 1);
      const all = [...Object.values(single), ...stores, ...storeStatus];
      expect(new Set(all).size).toBe(all.length);
    }
  });

  it('names what is taken and goes on to the next block', async () => {
    // Below the ports that the system gives to outgoing connections, which come and go.
    const base = 13_000 + (process.pid % 35) * 200;
    await occupy(portBlock(base, 0).stores[1]!);
    const chosen = await choosePorts(base, 3);
    expect(chosen?.taken).toEqual([base + 11]);
    expect(chosen?.block).toEqual(portBlock(base, 1));
  });

  it('gives up when no block fits', async () => {
    expect(await choosePorts(65_530, 3)).toBeUndefined();
  });
});
