import type { Member } from '@tinykv/kvs';
import Table from 'cli-table3';
import type { Cluster } from './cluster.js';

/** cli-table3 without colours and boxes: plain columns. */
export function plainTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = { top: '', bottom: '', left: '', right: '', mid: '', middle: '  ' };
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    chars: {
      ...none,
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      'left-mid': '',
      'mid-mid': '',
      'right-mid': '',
    },
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

/** `ids` are the stores' ids by address. */
export function endpointTable(
  members: readonly Member[],
  ids: ReadonlyMap<string, number>,
): string {
  return plainTable(
    ['name', 'id', 'address', 'status page', 'pid', 'state', 'log'],
    members.map((member) => [
      member.spec.name,
      String(ids.get(member.spec.address) ?? '-'),
      member.spec.address,
      `http://${member.spec.statusAddress}/status`,
      member.pid === undefined ? '-' : String(member.pid),
      member.state,
      member.spec.logFile,
    ]),
  );
}

/** Three lines to try the cluster with. */
export function linesToPaste(cluster: Cluster, tag: string): string[] {
  const port = cluster.gatewayAddress.split(':')[1] ?? '';
  const tagged = tag === 'default' ? '' : ` --tag ${tag}`;
  return [
    '',
    'try:',
    ...(cluster.member('gateway') === undefined ? [] : [`  redis-cli -p ${port} set hello world`]),
    `  scripts/tinykv ctl --scheduler ${cluster.schedulerAddress} regions`,
    `  scripts/tinykv playground kill store-1${tagged}`,
    '',
  ];
}

/** The line that programs wait for; `ids` are the stores' ids by address. */
export function readyLine(cluster: Cluster, ids: ReadonlyMap<string, number>): string {
  const running = cluster.stores.filter((member) => member.pid !== undefined);
  const stores = running.map((member) => ({
    id: ids.get(member.spec.address) ?? 0,
    addr: member.spec.address,
    pid: member.pid,
  }));
  const gateway = cluster.member('gateway') === undefined ? undefined : cluster.gatewayAddress;
  return `ready ${JSON.stringify({ gateway, scheduler: cluster.schedulerAddress, stores })}`;
}
