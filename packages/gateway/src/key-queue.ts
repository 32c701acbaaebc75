import { assert } from '@tinykv/base';

/** What waits for its turn on the keys that it changes. */
export interface QueueJob {
  /** Names of keys, without repetition. */
  readonly keys: readonly string[];
  /** Whether it may share one transaction with its neighbours on the same single key. */
  readonly batchable: boolean;
}

interface Entry<J extends QueueJob> {
  readonly job: J;
  /** Keys on whose queue others stand before it. */
  blockers: number;
}

/**
 * First come, first served on each key, so that commands of one gateway never conflict with each other in
 * the store. A job joins the queues of all its keys at once: their orders agree, so no two jobs wait for
 * each other. Jobs at the front of one key's queue that need nothing else run together.
 */
export class KeyQueue<J extends QueueJob> {
  readonly #queues = new Map<string, Entry<J>[]>();
  readonly #run: (batch: readonly J[]) => Promise<void>;
  readonly #batchMax: number;
  #size = 0;

  /** `run` settles its jobs itself and never rejects. */
  constructor(run: (batch: readonly J[]) => Promise<void>, batchMax: number) {
    this.#run = run;
    this.#batchMax = batchMax;
  }

  /** Jobs that run or wait. */
  get size(): number {
    return this.#size;
  }

  submit(job: J): void {
    const entry: Entry<J> = { job, blockers: 0 };
    this.#size++;
    for (const key of job.keys) {
      const queue = this.#queues.get(key);
      if (queue === undefined) {
        this.#queues.set(key, [entry]);
      } else {
        queue.push(entry);
        entry.blockers++;
      }
    }
    if (entry.blockers === 0) this.#start(entry);
  }

  #start(head: Entry<J>): void {
    const batch = [head];
    const { job } = head;
    if (job.batchable && job.keys.length === 1) {
      const queue = this.#queues.get(job.keys[0]!)!;
      for (let i = 1; i < queue.length && batch.length < this.#batchMax; i++) {
        const next = queue[i]!;
        if (!next.job.batchable || next.job.keys.length !== 1) break;
        batch.push(next);
      }
    }
    void this.#run(batch.map((entry) => entry.job)).then(() => this.#finish(batch));
  }

  #finish(batch: readonly Entry<J>[]): void {
    this.#size -= batch.length;
    for (const entry of batch) {
      for (const key of entry.job.keys) this.#leave(key, entry);
    }
    for (const key of batch[0]!.job.keys) {
      const head = this.#queues.get(key)?.[0];
      if (head === undefined) continue;
      head.blockers--;
      assert(head.blockers >= 0, 'a job is started once');
      if (head.blockers === 0) this.#start(head);
    }
  }

  #leave(key: string, entry: Entry<J>): void {
    const queue = this.#queues.get(key)!;
    assert(queue[0] === entry, 'a job leaves from the front');
    queue.shift();
    if (queue.length === 0) this.#queues.delete(key);
  }
}
