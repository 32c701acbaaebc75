import type { Mutant } from './mutant.js';

export const gatewayMutants: readonly Mutant[] = [
  {
    name: 'gateway-slow-commit-retried',
    edits: [
      {
        file: 'packages/gateway/src/executor.ts',
        find: '      await txn.commit();',
        replace: `      const late = new Promise<never>((_, reject) => {
        const error = new GatewayKvError('conflict', 'no answer within 200 ms');
        this.#env.clock.after(200, () => reject(error));
      });
      await Promise.race([txn.commit(), late]);`,
      },
    ],
    breaks:
      'A commit without an answer in time is taken for a conflict, and its commands run again: INCR and APPEND take effect twice, which counters and linearizability show.',
    workload: 'redis',
  },
  {
    name: 'gateway-slow-commit-refused',
    edits: [
      {
        file: 'packages/gateway/src/executor.ts',
        find: '      await txn.commit();',
        replace: `      const late = new Promise<never>((_, reject) => {
        const error = new GatewayKvError('unavailable', 'no answer within 200 ms');
        this.#env.clock.after(200, () => reject(error));
      });
      await Promise.race([txn.commit(), late]);`,
      },
    ],
    breaks:
      'A commit without an answer in time is answered as certainly not applied: values appear that nobody has written, which linearizability and counters show.',
    workload: 'redis',
  },
  {
    name: 'gateway-answer-before-commit',
    edits: [
      {
        file: 'packages/gateway/src/executor.ts',
        find: '      await this.#commit(jobs, txn);',
        replace: '      this.#commit(jobs, txn).catch(() => undefined);',
      },
    ],
    breaks:
      'Replies leave before the transaction has committed: conflicts lose acknowledged writes and reads miss them, which linearizability and counters show.',
    workload: 'redis',
  },
  {
    name: 'gateway-exec-by-command',
    edits: [
      {
        file: 'packages/gateway/src/dispatcher.ts',
        find: '    const reply = await this.#context.executor.submit(work);',
        replace: `    const { executor } = this.#context;
    const isExec = spec.name === 'exec';
    const works = isExec ? this.multi.works(this.#session, this.#gateway) : [work];
    const replies = await Promise.all(works.map((each) => executor.submit(each)));
    const items = replies.flatMap((each) => (each.type === 'array' ? each.items : [each]));
    const reply: Reply = isExec ? { type: 'array', items } : replies[0]!;`,
      },
      {
        file: 'packages/gateway/src/multi.ts',
        find: '  #workOf(queue: readonly QueuedCommand[], session: SessionState, gateway: GatewayState): Work {',
        replace: `  works(session: SessionState, gateway: GatewayState): Work[] {
    return (this.#queue ?? []).map((command) => this.#workOf([command], session, gateway));
  }

  #workOf(queue: readonly QueuedCommand[], session: SessionState, gateway: GatewayState): Work {`,
      },
    ],
    breaks:
      'The commands of MULTI run in a transaction each: keys that change together only are seen to differ.',
    workload: 'redis',
  },
  {
    name: 'gateway-mset-by-key',
    edits: [
      {
        file: 'packages/gateway/src/dispatcher.ts',
        find: '    else executor.queue(work, touched, names, running);',
        replace: `    else if (spec.name === 'mset') void this.#msetByKey(spec, argv).then((r) => running.take(r));
    else executor.queue(work, touched, names, running);`,
      },
      {
        file: 'packages/gateway/src/dispatcher.ts',
        find: `  #start(
    spec: CommandSpec,`,
        replace: `  async #msetByKey(spec: DataCommand, argv: Request): Promise<Reply> {
    const replies: Promise<Reply>[] = [];
    for (let i = 1; i < argv.length; i += 2) {
      const part = [argv[0]!, ...argv.slice(i, i + 2)];
      const plan = spec.parse!(part);
      if (!plan.ok) return plan.error;
      const work = new DataWork(spec, part, plan.value, this.#session, this.#gateway);
      work.writes = [{ db: work.db, key: argv[i]! }];
      replies.push(this.#context.executor.submit(work));
    }
    const failed = (await Promise.all(replies)).find(({ type }) => type === 'error');
    return failed ?? { type: 'simple', text: 'OK' };
  }

  #start(
    spec: CommandSpec,`,
      },
    ],
    breaks:
      'MSET writes each key in a transaction of its own: keys that change together only are seen to differ.',
    workload: 'redis',
  },
  {
    name: 'gateway-del-keeps-key',
    edits: [
      {
        file: 'packages/gateway/src/commands/generic/keyspace.ts',
        find: '    for (const key of step) if (db.remove(key)) removed++;',
        replace: '    for (const key of step) if (db.isThere(key)) removed++;',
      },
    ],
    breaks:
      'DEL counts the keys and leaves them: reads find what was deleted, which linearizability shows.',
    workload: 'redis',
  },
  {
    name: 'gateway-exec-ignores-watch',
    edits: [
      {
        file: 'packages/gateway/src/multi.ts',
        find: `        if (!(await this.#watched.unchanged(txn))) return NULL_ARRAY;
`,
        replace: '',
      },
    ],
    breaks:
      'EXEC runs although a watched key has changed: increments by WATCH, GET, MULTI, SET, EXEC are lost, which counters show.',
    workload: 'redis',
  },
  {
    name: 'gateway-watch-below-safe-point',
    edits: [
      {
        file: 'packages/gateway/src/watched-keys.ts',
        find: `      if (question.watched.ts < safePoint) return false;
`,
        replace: '',
      },
    ],
    breaks:
      'EXEC trusts versions that the collection may have taken: a key that came and went looks as if it had never been there, so increments by WATCH are lost.',
    workload: 'redis',
  },
  {
    name: 'gateway-epoch-lease-from-answer',
    edits: [
      {
        file: 'packages/gateway/src/epochs/epoch-lease.ts',
        find: '    this.#endMono = read.sentMono + this.#leaseMs;',
        replace: '    this.#endMono = this.#clock.mono() + this.#leaseMs;',
      },
    ],
    breaks:
      'The lease of the epoch table runs from the answer of its read, not from its sending: commands go to a database that was flushed.',
    workload: 'redis',
  },
  {
    name: 'gateway-late-work-committed',
    edits: [
      {
        file: 'packages/gateway/src/executor.ts',
        find: '    if (!txn.hasWrites || jobs.some((job) => job.isOver)) {',
        replace: '    if (!txn.hasWrites) {',
      },
    ],
    breaks:
      'A transaction is committed although a command of it was answered as certainly not applied: values appear that nobody wrote.',
    workload: 'redis',
  },
  {
    name: 'gateway-commit-undecided',
    edits: [
      {
        file: 'packages/gateway/src/executor.ts',
        find: `    for (const job of jobs) job.decide();
`,
        replace: '',
      },
    ],
    breaks:
      'A command that is being committed is answered as certainly not applied when its time is over: values appear that nobody wrote.',
    workload: 'redis',
  },
  {
    name: 'gateway-flush-of-another',
    edits: [
      {
        file: 'packages/gateway/src/epochs/epochs.ts',
        find: '      if (records[db]!.closedBy !== closing) throw notClosed(db);',
        replace:
          '      if (records[db]!.closedBy === undefined || closing < 0n) throw notClosed(db);',
      },
    ],
    breaks:
      'A flush goes ahead on the wait of another one: commands of other gateways still write into the database that it empties.',
    workload: 'redis',
  },
  {
    name: 'gateway-scan-skips-slot',
    edits: [
      {
        file: 'packages/gateway/src/model/scan.ts',
        find: '        return { next: encodeCursor({ slot: found.slot, afterHash: undefined }), keys };',
        replace:
          '        return { next: encodeCursor({ slot: found.slot + 1, afterHash: undefined }), keys };',
      },
    ],
    breaks: 'A page of SCAN goes on behind the slot that it has not given yet: keys are missing.',
    workload: 'redis',
  },
  {
    name: 'gateway-expired-key-shown',
    edits: [
      {
        file: 'packages/gateway/src/model/meta-codec.ts',
        find: '  return meta.expireAtMs <= nowMs;',
        replace: '  return meta.expireAtMs + 1_000n <= nowMs;',
      },
    ],
    breaks:
      'A key outlives its time by a second, which the times of the scheduler before and after a read show.',
    workload: 'redis',
  },
  {
    name: 'gateway-persist-keeps-time',
    edits: [
      {
        file: 'packages/gateway/src/commands/generic/expire.ts',
        find: `  db.put(argv[1]!, makeMeta(meta.type, meta.body, undefined, meta.id));
  return ONE;`,
        replace: `  db.put(argv[1]!, makeMeta(meta.type, meta.body, meta.expireAtMs, meta.id));
  return ONE;`,
      },
    ],
    breaks:
      'PERSIST answers that the key stays, and its time runs on: it is gone, which reads after that time show.',
    workload: 'redis',
  },
  {
    name: 'gateway-set-keeps-time',
    edits: [
      {
        file: 'packages/gateway/src/commands/string/set.ts',
        find: '  if (options.keepTtl) expireAtMs = old?.expireAtMs;',
        replace: '  if (options.keepTtl || expireAtMs === undefined) expireAtMs = old?.expireAtMs;',
      },
    ],
    breaks:
      'SET without a time leaves the key the time that it had: it is gone, which reads after that time show.',
    workload: 'redis',
  },
  {
    name: 'gateway-chunk-forgets-rest',
    edits: [
      {
        file: 'packages/gateway/src/model/strings.ts',
        find: `  part.set(kept);
`,
        replace: '',
      },
    ],
    breaks:
      'SETRANGE and APPEND on a string of several records clear the rest of the record that they write, which its only writer sees.',
    workload: 'redis',
  },
  {
    name: 'gateway-reads-unguarded',
    edits: [
      {
        file: 'packages/gateway/src/model/redis-txn.ts',
        find: `    for (const database of this.#databases.values()) await database.guardReads();
`,
        replace: '',
      },
    ],
    breaks:
      'A transaction does not lock what it has read and does not write: two that each write what the other reads both come first.',
    workload: 'redis',
  },
];
