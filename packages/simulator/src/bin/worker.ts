import { closeDoors } from '../real/doors.js';
import { runSeed } from '../run/run-seed.js';
import { type Job, type Report, wholePlan } from './job.js';

async function run({ plan, log, untilEvent }: Job): Promise<Report> {
  const before = process.cpuUsage();
  const reopen = closeDoors();
  try {
    const { tally, ...result } = await runSeed(wholePlan(plan), {
      log: log ?? false,
      ...(untilEvent === undefined ? {} : { untilEvent }),
    });
    const { user, system } = process.cpuUsage(before);
    return {
      ...result,
      faults: [...tally.faults],
      happened: [...tally.events],
      checked: tally.checked,
      busyMs: tally.busyMs,
      cpuMs: (user + system) / 1_000,
      ranTwice: false,
    };
  } finally {
    reopen();
  }
}

process.on('message', (job: Job) => {
  // Node's channel answers each new listener of the process with a tick of its own, whose door is closed.
  process.removeAllListeners('newListener');
  run(job).then(
    (report) => process.send?.(report),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
