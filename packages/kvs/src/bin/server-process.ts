import { runSchedulerServer, runStoreServer } from '@tinykv/server';

// One process of a KvsServer: `server-process.js scheduler|tinykv-server` and the flags of that program.
const [program, ...args] = process.argv.slice(2);
process.exitCode = await (program === 'scheduler'
  ? runSchedulerServer(args)
  : runStoreServer(args));
