import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareBytes, EMPTY_BYTES, type KvEngine } from '@tinykv/base';
import { LevelEngine } from '@tinykv/engine';
import type { Member } from '@tinykv/kvs';
import { encodeBytes, locationOfDataKey, regionRanges } from '@tinykv/model';
import { DOOMED } from './world.js';

/** Lines of a log that say that something happened which no input may bring about. */
const FAULT = /"level":"error"|"uncaught"|broken invariant|a handler failed/;

export function faultsInLog(member: Member): string[] {
  const lines = readFileSync(member.spec.logFile, 'utf8').split('\n');
  return lines.filter((line) => FAULT.test(line)).map((line) => `${member.spec.name}: ${line}`);
}

/** Bytes of memory that a process holds now. */
export function residentBytes(member: Member): number {
  const status = readFileSync(`/proc/${member.pid}/status`, 'utf8');
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`${member.spec.name} has no resident memory`);
  return Number(kib) * 1_024;
}

const PAGE = 512;

/** The stores of a stopped cluster whose data is not that of the first one. */
export async function differingStores(
  dataDir: string,
  names: readonly string[],
): Promise<string[]> {
  const digests: string[] = [];
  for (const name of names) digests.push(await digestOf(join(dataDir, name, 'kv')));
  return names.filter((_name, i) => digests[i] !== digests[0]);
}

async function digestOf(folder: string): Promise<string> {
  const engine = await LevelEngine.open(folder);
  try {
    const hash = createHash('sha256');
    for (const range of regionRanges('txn', { start: EMPTY_BYTES, end: EMPTY_BYTES })) {
      await addRange(hash, engine, range);
    }
    return hash.digest('hex');
  } finally {
    await engine.close();
  }
}

async function addRange(
  hash: ReturnType<typeof createHash>,
  engine: KvEngine,
  range: { readonly start: Uint8Array; readonly end: Uint8Array },
): Promise<void> {
  const iterator = engine.iterator(range);
  try {
    for (;;) {
      const page = await iterator.next(PAGE);
      if (page.length === 0) return;
      for (const [key, value] of page) if (!isDoomed(key)) hash.update(key).update(value);
    }
  } finally {
    await iterator.close();
  }
}

function isDoomed(key: Uint8Array): boolean {
  const location = locationOfDataKey('txn', key);
  return (
    compareBytes(location, encodeBytes(DOOMED.start)) >= 0 &&
    compareBytes(location, encodeBytes(DOOMED.end)) < 0
  );
}
