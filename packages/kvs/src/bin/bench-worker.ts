import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '@tinykv/base';
import { openLogEngine } from '@tinykv/engine';
import { execute } from '../bench/requests.js';

// The thread of a WorkerExecutor: answers lists of requests in their order, and ends after an empty one.
const port = parentPort;
assert(port !== null, 'this runs as a worker thread');
const engine = await openLogEngine(String(workerData));
let last: Promise<void> = Promise.resolve();
port.on('message', (requests: readonly Uint8Array[]) => {
  const answers = Promise.all(requests.map((request) => execute(engine, request)));
  last = last.then(async () => {
    port.postMessage(await answers);
    if (requests.length > 0) return;
    port.close();
    await engine.close();
  });
});
