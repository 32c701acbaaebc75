import { Prng } from '@tinykv/base';
import { expect, test } from 'vitest';
import { KeyQueue, type QueueJob } from './key-queue.js';

interface Job extends QueueJob {
  readonly name: string;
}

/** A queue whose batches run until they are told to end. */
class Stage {
  readonly started: string[] = [];
  readonly #running = new Map<string, Job[]>();
  readonly queue: KeyQueue<Job> = new KeyQueue((batch) => {
    const name = batch.map((job) => job.name).join('+');
    this.started.push(name);
    this.#running.set(name, batch);
  }, 3);

  submit(name: string, ...keys: string[]): void {
    this.queue.submit({ name, keys, batchable: name.startsWith('b'), blockers: 0 });
  }

  end(name: string): void {
    const batch = this.#running.get(name)!;
    this.#running.delete(name);
    this.queue.finish(batch);
  }

  get running(): string[] {
    return [...this.#running.keys()];
  }
}

test('one key: first come, first served, neighbours together', () => {
  const stage = new Stage();
  for (const name of ['b1', 'b2', 'b3', 'x', 'b4', 'b5', 'b6', 'b7']) stage.submit(name, 'k');
  stage.end('b1');
  stage.end('b2+b3');
  stage.end('x');
  stage.end('b4+b5+b6');
  stage.end('b7');
  expect(stage.started).toEqual(['b1', 'b2+b3', 'x', 'b4+b5+b6', 'b7']);
  expect(stage.queue.size).toBe(0);
});

test('several keys: waits for all, blocks all, no deadlock', () => {
  const stage = new Stage();
  stage.submit('b1', 'k');
  stage.submit('both', 'k', 'l');
  stage.submit('other', 'l', 'k');
  stage.submit('b2', 'l');
  stage.submit('b3', 'm');
  expect(stage.running).toEqual(['b1', 'b3']);
  stage.end('b1');
  stage.end('both');
  stage.end('other');
  stage.end('b2');
  expect(stage.started).toEqual(['b1', 'b3', 'both', 'other', 'b2']);
});

test('random jobs: none overlap on a key, all end, each key in order', () => {
  const rng = new Prng('queue');
  const stage = new Stage();
  const keysOf = new Map<string, string[]>();
  const names = ['k', 'l', 'm', 'n'];
  for (let i = 0; i < 500; i++) {
    const keys = names.filter(() => rng.int(0, 3) === 0);
    if (keys.length === 0) keys.push(names[rng.int(0, 4)]!);
    const name = `${rng.int(0, 2) === 0 ? 'b' : 'x'}${i}`;
    keysOf.set(name, keys);
    stage.submit(name, ...keys);
    while (rng.int(0, 2) === 0 && stage.running.length > 0) {
      stage.end(stage.running[rng.int(0, stage.running.length)]!);
    }
    const held = stage.running.flatMap((batch) => keysOf.get(batch.split('+')[0]!)!);
    expect(new Set(held).size).toBe(held.length);
  }
  while (stage.running.length > 0) stage.end(stage.running[0]!);
  expect(stage.queue.size).toBe(0);
  const order = stage.started.flatMap((batch) => batch.split('+'));
  for (const key of names) {
    const numbers = order
      .filter((name) => keysOf.get(name)!.includes(key))
      .map((n) => Number(n.slice(1)));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  }
});
