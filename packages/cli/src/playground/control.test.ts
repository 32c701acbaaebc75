import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askControl, type ControlRequest, serveControl } from './control.js';

let folder: string;
let server: Server;
const seen: ControlRequest[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tinykv-control-'));
  seen.length = 0;
  server = await serveControl(join(folder, 's'), (request) => {
    seen.push(request);
    if (request.name === 'nobody') return Promise.reject(new Error('there is no nobody'));
    return Promise.resolve({ ok: true, text: 'done' });
  });
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

describe('control socket', () => {
  it('carries a request and its answer', async () => {
    const request: ControlRequest = { command: 'kill', name: 'store-1' };
    expect(await askControl(join(folder, 's'), request)).toEqual({ ok: true, text: 'done' });
    expect(seen).toEqual([request]);
  });

  it('answers a failure as one', async () => {
    const request: ControlRequest = { command: 'kill', name: 'nobody' };
    const answer = await askControl(join(folder, 's'), request);
    expect(answer).toEqual({ ok: false, text: 'there is no nobody' });
  });

  it('refuses what it does not know and survives noise', async () => {
    const answers = ['{"command":"format"}\n', 'noise\n', '\n'].map(
      (text) =>
        new Promise<string>((resolve) => {
          const socket = createConnection(join(folder, 's'), () => socket.write(text));
          socket.on('data', (chunk: Buffer) => resolve(chunk.toString()));
        }),
    );
    for (const answer of await Promise.all(answers)) expect(answer).toContain('"ok":false');
    expect(seen).toEqual([]);
  });

  it('says undefined when nobody listens', async () => {
    expect(await askControl(join(folder, 'nothing'), { command: 'display' })).toBeUndefined();
  });
});
