import { assert } from '@tinykv/base';

/** What waits for its turn on the keys that it changes. */
export interface QueueJob {
  /** Names of keys, without repetition. */
  readonly keys: readonly string[];
  /** Whether it may share one transaction with its neighbours on the same single key. */
  readonly batchable: boolean;
  /** Keys on whose queue others stand before it. The queue counts them. */
  blockers: number;
}

/**
 * First come, first served on each key, so that commands of one gateway never conflict with each other in
 * the store. A job joins the queues of all its keys at once: their orders agree, so no two jobs wait for
 * each other. Jobs at the front of one key's queue that need nothing else run together.
 */
export class KeyQueue<J extends QueueJob> {
  readonly #queues = new Map<string, J[]>();
  readonly #run: (batch: J[]) => void;
  readonly #batchMax: number;
  #size = 0;

  /** `run` ends, sooner or later, with {@link finish}. */
  constructor(run: (batch: J[]) => void, batchMax: number) {
    this.#run = run;
    this.#batchMax = batchMax;
  }

  /** Jobs that run or wait. */
  get size(): number {
    return this.#size;
  }

  submit(job: J): void {
    this.#size++;
    for (const key of job.keys) {
      const queue = this.#queues.get(key);
      if (queue === undefined) {
        this.#queues.set(key, [job]);
      } else {
        queue.push(job);
        job.blockers++;
      }
    }
    if (job.blockers === 0) this.#start(job);
  }

  #start(job: J): void {
    const batch = [job];
    if (job.batchable && job.keys.length === 1) {
      const queue = this.#queues.get(job.keys[0]!)!;
      for (let i = 1; i < queue.length && batch.length < this.#batchMax; i++) {
        const next = queue[i]!;
        if (!next.batchable || next.keys.length !== 1) break;
        batch.push(next);
      }
    }
    this.#run(batch);
  }

  /** A batch that was run has ended: the next ones have their turn. */
  finish(batch: readonly J[]): void {
    this.#size -= batch.length;
    for (const job of batch) {
      for (const key of job.keys) this.#leave(key, job);
    }
    for (const key of batch[0]!.keys) {
      const head = this.#queues.get(key)?.[0];
      if (head === undefined) continue;
      head.blockers--;
      assert(head.blockers >= 0, 'a job is started once');
      if (head.blockers === 0) this.#start(head);
    }
  }

  #leave(key: string, job: J): void {
    const queue = this.#queues.get(key)!;
    assert(queue[0] === job, 'a job leaves from the front');
    queue.shift();
    if (queue.length === 0) this.#queues.delete(key);
  }
}
