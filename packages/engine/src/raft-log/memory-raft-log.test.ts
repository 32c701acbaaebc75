import { expect, it } from 'vitest';
import { raftLogConformance } from '../conformance/raft-log.js';
import { MemoryRaftLog } from './memory-raft-log.js';

raftLogConformance('MemoryRaftLog', async () => {
  let isDying = false;
  const log = new MemoryRaftLog(async () => {
    if (isDying) log.crash();
  });
  return {
    log,
    reopen: async () => {
      await log.close();
      return log;
    },
    crashIn: async (append, share) => {
      isDying = share < 1;
      if (isDying) await expect(append()).rejects.toMatchObject({ code: 'CANCELLED' });
      else await append().then(() => log.crash());
      isDying = false;
      return log;
    },
    cleanup: async () => {},
  };
});

it('loses in a crash only the append that has not resolved', async () => {
  let durable = (): void => {};
  const log = new MemoryRaftLog(
    () =>
      new Promise((resolve) => {
        durable = resolve;
      }),
  );
  await log.open();
  const first = log.append([{ group: 1, hardState: { term: 1, vote: 1, commit: 0 } }]);
  durable();
  await first;
  const second = log.append([{ group: 1, hardState: { term: 2, vote: 2, commit: 0 } }]);
  log.crash();
  durable();
  await expect(second).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(await log.open()).toMatchObject([{ hardState: { term: 1 } }]);
});
