import type { Mutant } from './mutant.js';

export const gatewayTurnMutants: readonly Mutant[] = [
  {
    name: 'gateway-batch-at-once',
    edits: [
      {
        file: 'packages/gateway/src/turn/turn-batch.ts',
        find: '      job.pending = job.work.step!.apply(this.#txn);',
        replace: `      this.#txn.database(db).preload(key, meta);
      job.pending = job.work.step!.apply(this.#txn);`,
      },
    ],
    breaks:
      'Commands that share a write of a hot key are all computed from what it was before: increments are lost, two INCR answer the same.',
    workload: 'redis',
  },
  {
    name: 'gateway-value-remembered',
    edits: [
      {
        file: 'packages/gateway/src/turn/turn-batch.ts',
        find: '/** A transaction that serves one key after the other, at one time. */',
        replace: `const remembered = new WeakMap<TurnPorts, Map<string, Uint8Array | undefined>>();

/** A transaction that serves one key after the other, at one time. */`,
      },
      {
        file: 'packages/gateway/src/turn/turn-batch.ts',
        find: "    if (group.use === 'reads') this.#answer(group);",
        replace: `    const known = remembered.get(this.#ports) ?? new Map<string, Uint8Array | undefined>();
    remembered.set(this.#ports, known);
    const name = group.key.join();
    if (group.use === 'reads' && known.has(name)) group.found = known.get(name);
    else if (group.use === 'reads') {
      known.set(name, value);
      this.#ports.env.clock.after(500, () => known.delete(name));
    }
    if (group.use === 'reads') this.#answer(group);`,
      },
    ],
    breaks:
      'GET is answered for a while from what was read before, whatever was written since: stale reads, which linearizability shows.',
    workload: 'redis',
  },
  {
    name: 'gateway-replies-reversed',
    edits: [
      {
        file: 'packages/gateway/src/turn/turn-batch.ts',
        find: '    for (const job of group.jobs) job.settle(job.pending as Reply);',
        replace: `    const { jobs } = group;
    for (const [i, job] of jobs.entries()) job.settle(jobs[jobs.length - 1 - i]!.pending as Reply);`,
      },
    ],
    breaks: 'Commands that share a write get their replies in the wrong order: counters go back.',
    workload: 'redis',
  },
  {
    name: 'gateway-write-undecided',
    edits: [
      {
        file: 'packages/gateway/src/turn/turn-batch.ts',
        find: `    for (const { jobs } of writes) for (const job of jobs) job.decide();
`,
        replace: '',
      },
    ],
    breaks:
      'A command whose write of one key is under way is answered as certainly not applied when its time is over: values appear that nobody wrote.',
    workload: 'redis',
  },
  {
    name: 'gateway-behind-a-refused-overwrite',
    edits: [
      {
        file: 'packages/gateway/src/turn/turn-batch.ts',
        find: "      if (i > 0 && use === 'overwrites' && !this.hasWrites) return false;",
        replace: '',
      },
    ],
    breaks:
      'Commands behind an overwriting one that answers an error take the key for absent: what was acknowledged is not read, and is replaced.',
    workload: 'redis',
  },
];
