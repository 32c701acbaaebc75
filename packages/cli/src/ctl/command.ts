import { type Env, toHex } from '@tinykv/base';
import type { ClusterStatus } from '@tinykv/client';
import { locationKey, rangeContains } from '@tinykv/model';
import { EXIT } from '@tinykv/server';
import { Command, Option } from 'commander';
import { parsePositive, parseTargets } from '../program.js';
import { deleteCommand, putCommand, rawCommand, scanCommand } from './data.js';
import { type RegionsView, regionsTable, storesTable } from './format.js';
import { gcCommand } from './gc.js';
import { healthCommand } from './health.js';
import { locksCommand } from './locks.js';
import { mvccCommand } from './mvcc.js';
import { describeValue, readKey } from './read.js';
import { operatorsCommand, splitCommand, storeOrderCommands } from './region-orders.js';
import { storeCommand } from './store-orders.js';
import { namesById } from './store-reference.js';
import { timestampCommand } from './timestamp.js';
import { type CtlOptions, CtlTools, parseKey, print } from './tools.js';
import { txnCommand } from './txn-command.js';

const HELP = `
The cluster is the one of --scheduler, of --tag, or of TINYKV_SCHEDULER; else the playground that was started in this
folder or the nearest one above it, else the playground "default", else 127.0.0.1:2379.

Keys are UTF-8, or hexadecimal with --hex. A store is named by its id, its name in the playground, or its address.

Examples:
  tinykv ctl stores
  tinykv ctl --scheduler 127.0.0.1:2379 region user:1
  tinykv ctl get user:1 --json
  tinykv ctl get hello --redis
  tinykv ctl mvcc user:1
  tinykv ctl locks ls --min-age 60
  tinykv ctl gc set --life-time 1h
  tinykv ctl txn
  tinykv ctl scan --prefix user: --limit 10
  tinykv ctl health --watch 2
  tinykv ctl transfer-leader 4 store-2
  tinykv ctl operators history
  tinykv ctl timestamp 471859200000000000
  tinykv ctl store offline store-4
  tinykv ctl store online store-4

Exit codes: 0 ok, 1 failure (also: no such key), 2 usage, 3 the cluster cannot be reached.`;

/** `tinykv ctl …`; `finish` takes the exit code. */
export function ctlCommand(openEnv: () => Env, finish: (code: number) => void): Command {
  const tools = new CtlTools(openEnv, finish);
  const ctl = new Command('ctl')
    .description('Looks into a running cluster and gives it orders.')
    .option(
      '--scheduler <host:port,…>',
      'schedulers of the cluster (env: TINYKV_SCHEDULER)',
      parseTargets,
    )
    .option('--tag <name>', 'the playground with this tag')
    .option('--json', 'one line of JSON instead of a table')
    .option('--hex', 'keys and values are hexadecimal')
    .option('--watch <seconds>', 'show it again every so many seconds, until Ctrl-C', parsePositive)
    .addHelpText('after', HELP)
    .addCommand(storesCommand(tools))
    .addCommand(regionsCommand(tools))
    .addCommand(regionCommand(tools))
    .addCommand(rawCommand(dataCommands(tools)))
    .addCommand(mvccCommand(tools))
    .addCommand(locksCommand(tools))
    .addCommand(gcCommand(tools))
    .addCommand(txnCommand(tools))
    .addCommand(storeCommand(tools))
    .addCommand(splitCommand(tools))
    .addCommand(operatorsCommand(tools))
    .addCommand(timestampCommand(tools))
    .addCommand(healthCommand(tools));
  for (const order of [...dataCommands(tools), ...storeOrderCommands(tools)]) ctl.addCommand(order);
  return ctl;
}

function dataCommands(tools: CtlTools): Command[] {
  return [getCommand(tools), putCommand(tools), deleteCommand(tools), scanCommand(tools)];
}

function storesCommand(tools: CtlTools): Command {
  const stores = new Command('stores').description('all stores, with their states as PD has them');
  return stores.action(() =>
    tools.onScheduler(stores, async ({ admin }, options) => {
      const status = await admin.clusterStatus();
      const named = status.stores.map((info) => ({
        name: options.names.get(info.store.address),
        ...info,
      }));
      print(options, { ...status, stores: named }, storesTable(status.stores, options.names));
      return EXIT.ok;
    }),
  );
}

function regionsCommand(tools: CtlTools): Command {
  const regions = new Command('regions').description('all Regions in key order');
  return regions.action(() =>
    tools.onScheduler(regions, async ({ admin }, options) => {
      const view = viewOf(await admin.clusterStatus(), options);
      const list = await admin.regions();
      print(options, list, regionsTable(list, view));
      return EXIT.ok;
    }),
  );
}

function viewOf({ api, stores }: ClusterStatus, { hex, names }: CtlOptions): RegionsView {
  return { api, hex: hex === true, storeNames: namesById(stores, names) };
}

function regionCommand(tools: CtlTools): Command {
  const region = new Command('region').argument('<key>').description('the Region that holds a key');
  return region.action((key: string) =>
    tools.onScheduler(region, async ({ admin }, options) => {
      const view = viewOf(await admin.clusterStatus(), options);
      const location = locationKey(view.api, parseKey(key, options));
      const list = await admin.regions();
      const found = list.find((info) => rangeContains(info.region.range, location));
      print(
        options,
        found,
        found === undefined ? 'no Region holds it' : regionsTable([found], view),
      );
      return found === undefined ? EXIT.failure : EXIT.ok;
    }),
  );
}

function getCommand(tools: CtlTools): Command {
  const get = new Command('get')
    .argument('<key>')
    .description('the value of a key, newest committed')
    .option('--raw', 'by the raw API')
    .addOption(
      new Option('--redis', 'a string that the gateway wrote, in database 0').conflicts('raw'),
    );
  return get.action((key: string, { raw, redis }: { raw?: boolean; redis?: boolean }) =>
    tools.onCluster(get, async (client, options) => {
      const space = redis === true ? 'redis' : raw === true ? 'raw' : 'txn';
      const value = await readKey(client, parseKey(key, options), space);
      if (value === undefined) {
        print(options, null, 'there is no such key');
        return EXIT.failure;
      }
      print(options, { value }, options.hex === true ? toHex(value) : describeValue(value));
      return EXIT.ok;
    }),
  );
}
