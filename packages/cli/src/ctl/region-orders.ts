import type { StoreId } from '@tinykv/base';
import type { AdminOperator, OperatorInfo } from '@tinykv/client';
import { EXIT } from '@tinykv/server';
import { Command } from 'commander';
import { plainTable } from '../playground/report.js';
import { CliError, parseCount } from '../program.js';
import { withDefaultVerb } from './default-verb.js';
import { describeStore, namesById, STORE_DOC, storeOf } from './store-reference.js';
import { type CtlTools, print } from './tools.js';

const REGION_DOC = 'Region id, as "ctl regions" shows it';

/** `tinykv ctl transfer-leader | add-peer | remove-peer REGION STORE`. */
export function storeOrderCommands(tools: CtlTools): Command[] {
  return [
    storeOrder(tools, 'transfer-leader', 'let the peer on a store lead a Region'),
    storeOrder(tools, 'add-peer', 'give a Region a peer on a store'),
    storeOrder(tools, 'remove-peer', 'take the peer of a Region away from a store'),
  ];
}

function storeOrder(
  tools: CtlTools,
  kind: Exclude<AdminOperator['kind'], 'split'>,
  doc: string,
): Command {
  const order = new Command(kind)
    .argument('<region>', REGION_DOC, parseCount)
    .argument('<store>', STORE_DOC)
    .description(doc);
  return order.action((regionId: number, text: string) =>
    tools.onScheduler(order, async ({ admin }, options) => {
      const info = storeOf(text, (await admin.clusterStatus()).stores, options.names);
      const storeId = info.store.id;
      await admin.addOperator({ kind, regionId, storeId });
      const shown = `${kind} of Region ${regionId}, ${describeStore(info, options.names)}: ordered`;
      print(options, { kind, regionId, storeId }, shown);
      return EXIT.ok;
    }),
  );
}

/** `tinykv ctl split REGION`. */
export function splitCommand(tools: CtlTools): Command {
  const split = new Command('split')
    .argument('<region>', REGION_DOC, parseCount)
    .description('split a Region at its middle');
  return split.action((regionId: number) =>
    tools.onScheduler(split, async ({ admin }, options) => {
      await admin.addOperator({ kind: 'split', regionId });
      print(options, { kind: 'split', regionId }, `split of Region ${regionId}: ordered`);
      return EXIT.ok;
    }),
  );
}

/** `tinykv ctl operators [list] | history | cancel`. */
export function operatorsCommand(tools: CtlTools): Command {
  const ended = 'those that ended within ten minutes, and why';
  return withDefaultVerb(
    new Command('operators').description('what the scheduler does with Regions'),
    shownOperators(tools, 'list', 'those that run', (info) => isRunning(info)),
    shownOperators(tools, 'history', ended, (info) => !isRunning(info)),
    cancelCommand(tools),
  );
}

function isRunning({ status }: OperatorInfo): boolean {
  return status === 'running';
}

function shownOperators(
  tools: CtlTools,
  name: string,
  doc: string,
  isShown: (info: OperatorInfo) => boolean,
): Command {
  const shown = new Command(name).description(doc);
  return shown.action(() =>
    tools.onScheduler(shown, async ({ admin }, options) => {
      const operators = (await admin.operators()).filter(isShown);
      const { stores } = await admin.clusterStatus();
      const shownSteps = operatorsText(operators, namesById(stores, options.names));
      print(options, operators, shownSteps);
      return EXIT.ok;
    }),
  );
}

function cancelCommand(tools: CtlTools): Command {
  const cancel = new Command('cancel')
    .argument('<region>', REGION_DOC, parseCount)
    .description('end the operator of a Region; what its current step has begun goes on');
  return cancel.action((regionId: number) =>
    tools.onScheduler(cancel, async ({ admin }, options) => {
      const before = (await admin.operators()).find(
        (info) => isRunning(info) && info.regionId === regionId,
      );
      if (before === undefined) throw new CliError(`no operator runs on Region ${regionId}`);
      await admin.cancelOperator(regionId);
      print(options, before, `${before.desc} of Region ${regionId} is cancelled`);
      return EXIT.ok;
    }),
  );
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** `storeNames` are names of stores in a playground by id. */
export function operatorsText(
  operators: readonly OperatorInfo[],
  storeNames: ReadonlyMap<StoreId, string>,
): string {
  if (operators.length === 0) return 'none';
  const named = (step: string): string =>
    step.replaceAll(/\bstore (\d+)\b/g, (text: string, id: string) => {
      const name = storeNames.get(Number(id));
      return name === undefined ? text : `${name} (id ${id})`;
    });
  return plainTable(
    ['region', 'what', 'state', 'took', 'ended', 'steps', 'why'],
    operators.map((info) => [
      String(info.regionId),
      info.desc,
      info.status,
      seconds(info.ageMs),
      isRunning(info) ? '-' : `${seconds(info.endedMs)} ago`,
      info.steps
        .map((step, i) => (i < info.done ? `${named(step)} (done)` : named(step)))
        .join(', '),
      info.reason === '' ? '-' : info.reason,
    ]),
  );
}
