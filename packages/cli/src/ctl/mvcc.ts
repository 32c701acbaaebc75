import { describeBytes, physicalMs, type Timestamp, toHex } from '@tinykv/base';
import type { KeyHistory } from '@tinykv/client';
import { EXIT } from '@tinykv/server';
import { Command } from 'commander';
import { plainTable } from '../playground/report.js';
import { type CtlOptions, type CtlTools, parseKey, print } from './tools.js';

const HELP = `
All that a store keeps of the key: its lock, commits and rollbacks, the newest first. Of a very long history
the oldest versions are left out.

Examples:
  tinykv ctl mvcc user:1
  tinykv ctl mvcc 757365723a31 --hex --json

Exit codes: 0 ok, 1 nothing is stored, 2 usage, 3 the cluster cannot be reached.`;

/** `tinykv ctl mvcc KEY`. */
export function mvccCommand(tools: CtlTools): Command {
  const mvcc = new Command('mvcc')
    .argument('<key>')
    .description('the lock of a key and all its versions')
    .addHelpText('after', HELP);
  return mvcc.action((text: string) =>
    tools.onCluster(mvcc, async (client, options) => {
      const key = parseKey(text, options);
      const history = await client.inspect.history(key);
      const isEmpty = history.lock === undefined && history.versions.length === 0;
      const shown = isEmpty ? 'nothing is stored of it' : describeHistory(history, options);
      print(options, { key, ...history }, shown);
      return isEmpty ? EXIT.failure : EXIT.ok;
    }),
  );
}

function describeHistory({ lock, versions, hasMore }: KeyHistory, options: CtlOptions): string {
  const lines: string[] = [];
  if (lock !== undefined) {
    const primary = showBytes(lock.primary, options);
    lines.push(`locked by ${lock.startTs} (${lock.kind}), primary ${primary}, ${lock.ttlMs} ms`);
  }
  if (versions.length > 0) {
    const head = ['kind', 'start_ts', 'commit_ts', 'at', 'value'];
    const rows = versions.map(({ kind, startTs, commitTs, value }) => [
      kind,
      String(startTs),
      kind === 'rollback' ? '-' : String(commitTs),
      timeOf(commitTs),
      kind === 'put' ? showBytes(value, options) : '-',
    ]);
    lines.push(plainTable(head, rows));
  }
  if (hasMore) lines.push('older versions are left out');
  return lines.join('\n');
}

/** Of a value that is long, the beginning. */
export function showBytes(bytes: Uint8Array, { hex }: CtlOptions): string {
  return hex === true ? toHex(bytes) : describeBytes(bytes);
}

/** When the scheduler granted it. */
export function timeOf(ts: Timestamp): string {
  return new Date(physicalMs(ts)).toISOString();
}
