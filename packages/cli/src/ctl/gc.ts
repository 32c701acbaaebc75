import { type Timestamp, TS_ZERO } from '@tinykv/base';
import type { GcStatus } from '@tinykv/client';
import { EXIT, formatDuration } from '@tinykv/server';
import { Command } from 'commander';
import { plainTable } from '../playground/report.js';
import { CliError, parseTime, parseTimestamp } from '../program.js';
import { withDefaultVerb } from './default-verb.js';
import { timeOf } from './mvcc.js';
import { type CtlTools, print } from './tools.js';

interface SetOptions {
  /** Milliseconds. */
  readonly lifeTime?: number;
  readonly runInterval?: number;
  readonly safePoint?: Timestamp;
}

const SET_HELP = `
The safe point never goes back, and goes no further than the services let it that "gc show" lists.

Examples:
  tinykv ctl gc set --life-time 1h
  tinykv ctl gc set --life-time 0s
  tinykv ctl gc set --safe-point 471859200000000000`;

/** `tinykv ctl gc [show] | set`. */
export function gcCommand(tools: CtlTools): Command {
  const gc = new Command('gc').description('the collection of old versions');
  return withDefaultVerb(gc, showCommand(tools), setCommand(tools));
}

function showCommand(tools: CtlTools): Command {
  const show = new Command('show').description('how far it has come, and what holds it back');
  return show.action(() =>
    tools.onScheduler(show, async ({ admin }, options) => {
      const status = await admin.gcState();
      print(options, status, statusText(status));
      return EXIT.ok;
    }),
  );
}

function setCommand(tools: CtlTools): Command {
  const set = new Command('set')
    .description('how long versions are kept')
    .option('--life-time <duration>', 'keep versions for so long; 0s: for ever', parseTime)
    .option('--run-interval <duration>', 'move the safe point so often', parseTime)
    .option('--safe-point <ts>', 'move the safe point there now', parseTimestamp)
    .addHelpText('after', SET_HELP);
  return set.action(({ lifeTime, runInterval, safePoint }: SetOptions) =>
    tools.onScheduler(set, async (client, options) => {
      if ((lifeTime ?? runInterval ?? safePoint) === undefined) {
        throw new CliError('nothing to set: see tinykv ctl gc set --help', EXIT.usage);
      }
      const { settings } = await client.admin.gcState();
      if (lifeTime !== undefined || runInterval !== undefined) {
        const lifeMs = lifeTime ?? settings.lifeMs;
        await client.admin.setGc({ lifeMs, intervalMs: runInterval ?? settings.intervalMs });
      }
      if (safePoint !== undefined) await client.raiseGcSafePoint(safePoint);
      const status = await client.admin.gcState();
      print(options, status, statusText(status));
      return EXIT.ok;
    }),
  );
}

function statusText({ safePoint, resolved, settings, services }: GcStatus): string {
  const at = (ts: Timestamp): string => (ts === TS_ZERO ? 'not set' : `${ts}, ${timeOf(ts)}`);
  const { lifeMs, intervalMs } = settings;
  const lines = [
    `safe point     ${at(safePoint)}`,
    `resolved up to ${at(resolved)}`,
    `life time      ${lifeMs === 0 ? 'for ever' : formatDuration(lifeMs)}`,
    `run interval   ${formatDuration(intervalMs)}`,
  ];
  if (services.length === 0) return lines.join('\n');
  const head = ['service', 'needs', 'since', 'for another'];
  const rows = services.map(({ id, safePoint: needs, ttlMs }) => [
    id,
    String(needs),
    timeOf(needs),
    `${(ttlMs / 1000).toFixed(1)} s`,
  ]);
  return `${lines.join('\n')}\n\n${plainTable(head, rows)}`;
}
