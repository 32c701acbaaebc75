import { type Env, fromHex, toHex, utf8 } from '@tinykv/base';
import { type SchedulerAdmin, SchedulerClient } from '@tinykv/client';
import { locationKey, rangeContains } from '@tinykv/model';
import { EXIT } from '@tinykv/server';
import { Command } from 'commander';
import { CliError, parseCount } from '../program.js';
import { regionsTable, storesTable, toJson } from './format.js';
import { describeValue, readKey } from './read.js';

interface CtlOptions {
  readonly scheduler: string;
  readonly json?: boolean;
  readonly hex?: boolean;
}

const HELP = `
Keys are UTF-8, or hexadecimal with --hex.

Examples:
  tinykv ctl stores
  tinykv ctl --scheduler 127.0.0.1:2379 region user:1
  tinykv ctl get user:1 --json
  tinykv ctl get hello --redis
  tinykv ctl store offline 4

Exit codes: 0 ok, 1 failure (also: no such key), 2 usage, 3 the cluster cannot be reached.`;

function parseKey(text: string, options: CtlOptions): Uint8Array {
  if (options.hex !== true) return utf8(text);
  const bytes = fromHex(text);
  if (bytes === undefined) throw new CliError(`"${text}" is not hexadecimal`, EXIT.usage);
  return bytes;
}

/** `tinykv ctl …`; `finish` takes the exit code. */
export function ctlCommand(openEnv: () => Env, finish: (code: number) => void): Command {
  const ctl = new Command('ctl')
    .description('Looks into a running cluster and gives it orders.')
    .option('--scheduler <host:port,…>', 'schedulers of the cluster', '127.0.0.1:2379')
    .option('--json', 'one line of JSON instead of a table')
    .option('--hex', 'keys and values are hexadecimal')
    .addHelpText('after', HELP);

  const print = (options: CtlOptions, value: unknown, text: string): void => {
    process.stdout.write(`${options.json === true ? toJson(value) : text}\n`);
  };
  /** Runs `work` on a connection; its result is the exit code. */
  const run = async (
    command: Command,
    work: (client: SchedulerClient, options: CtlOptions, env: Env) => Promise<number>,
  ): Promise<void> => {
    const options = command.optsWithGlobals<CtlOptions>();
    const env = openEnv();
    const client = await SchedulerClient.connect(env, options.scheduler.split(','));
    try {
      finish(await work(client, options, env));
    } finally {
      client.close();
    }
  };

  const stores = ctl.command('stores').description('all stores');
  stores.action(() =>
    run(stores, async ({ admin }, options) => {
      const status = await admin.clusterStatus();
      print(options, status, storesTable(status.stores));
      return EXIT.ok;
    }),
  );
  const regions = ctl.command('regions').description('all Regions in key order');
  regions.action(() =>
    run(regions, async ({ admin }, options) => {
      const list = await admin.regions();
      print(options, list, regionsTable(list));
      return EXIT.ok;
    }),
  );
  const region = ctl.command('region <key>').description('the Region that holds a key');
  region.action((key: string) =>
    run(region, async ({ admin }, options) => {
      const found = await regionOfKey(admin, parseKey(key, options));
      print(options, found, found === undefined ? 'no Region holds it' : regionsTable([found]));
      return found === undefined ? EXIT.failure : EXIT.ok;
    }),
  );
  const get = ctl
    .command('get <key>')
    .description('the value of a key, newest committed')
    .option('--raw', 'by the raw API')
    .option('--redis', 'a string that the gateway wrote, in database 0');
  get.action((key: string, { raw, redis }: { raw?: boolean; redis?: boolean }) =>
    run(get, async (_client, options, env) => {
      const space = redis === true ? 'redis' : raw === true ? 'raw' : 'txn';
      const value = await readKey(env, options.scheduler, parseKey(key, options), space);
      if (value === undefined) {
        print(options, null, 'there is no such key');
        return EXIT.failure;
      }
      print(options, { value }, options.hex === true ? toHex(value) : describeValue(value));
      return EXIT.ok;
    }),
  );
  const store = ctl.command('store').description('orders about one store');
  const offline = store.command('offline').description('move all its peers away, then retire it');
  offline.argument('<id>', 'store id', parseCount).action((id: number) =>
    run(offline, async ({ admin }, options) => {
      await admin.setStoreState(id, 'offline');
      print(
        options,
        { storeId: id, state: 'offline' },
        `store ${id} is offline: its peers move away`,
      );
      return EXIT.ok;
    }),
  );
  return ctl;
}

async function regionOfKey(
  admin: SchedulerAdmin,
  key: Uint8Array,
): Promise<Awaited<ReturnType<SchedulerAdmin['regions']>>[number] | undefined> {
  const { api } = await admin.clusterStatus();
  const location = locationKey(api, key);
  const regions = await admin.regions();
  return regions.find((info) => rangeContains(info.region.range, location));
}
