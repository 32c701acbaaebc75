import { logicalOf, physicalMs, type Timestamp } from '@tinykv/base';
import { EXIT } from '@tinykv/server';
import { Command } from 'commander';
import { parseTimestamp } from '../program.js';
import { timeOf } from './mvcc.js';
import { type CtlTools, print } from './tools.js';

/** `tinykv ctl timestamp [TS]`. */
export function timestampCommand(tools: CtlTools): Command {
  const command = new Command('timestamp')
    .argument('[ts]', 'a timestamp of the cluster (default: a fresh one)', parseTimestamp)
    .description('when a timestamp was granted');
  return command.action(async (given: Timestamp | undefined) => {
    if (given !== undefined) {
      print(command.optsWithGlobals<{ json?: boolean }>(), parts(given), describe(given));
      return;
    }
    await tools.onCluster(command, async (client, options) => {
      const ts = await client.txn.timestamp();
      print(options, parts(ts), describe(ts));
      return EXIT.ok;
    });
  });
}

function parts(ts: Timestamp): object {
  return { ts, time: timeOf(ts), physicalMs: physicalMs(ts), logical: logicalOf(ts) };
}

function describe(ts: Timestamp): string {
  return `${ts} = ${timeOf(ts)}, number ${logicalOf(ts)} of its millisecond`;
}
