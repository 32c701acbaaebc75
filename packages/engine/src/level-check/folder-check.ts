import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { damage } from '../damage.js';
import { checkLog } from './log-check.js';
import { type Manifest, readManifest } from './manifest.js';
import { checkTable } from './table-check.js';

export interface FolderCheckOptions {
  /** No batch was begun before the one before it was durable. */
  readonly everyBatchSynced: boolean;
}

/**
 * Looks through a LevelDB folder that is about to be opened, and throws DATA_LOSS, naming file and place,
 * when it holds less than was written to it and no crash explains that. LevelDB itself goes by checksums
 * only in its logs, where it drops what does not match without a word.
 *
 * What cannot be told from a crash passes: an end of the newest log that is missing or zero, and in a
 * folder whose batches are not synced one by one also zeros within a log.
 */
export async function checkFolder(folder: string, options: FolderCheckOptions): Promise<void> {
  const manifest = readManifest(folder);
  if (manifest === undefined) return;
  const names = readdirSync(folder);
  checkLogs(folder, names, manifest, options);
  for (const [number, size] of manifest.tables) {
    checkTable(join(folder, tableName(names, number, manifest)), size);
    await nextTurn();
  }
}

function checkLogs(
  folder: string,
  names: readonly string[],
  manifest: Manifest,
  options: FolderCheckOptions,
): void {
  // Older ones are in tables already; LevelDB deletes them when it comes to it.
  const logs = names
    .filter((name) => /^\d+\.log$/.test(name) && numberOf(name) >= manifest.logNumber)
    .sort((a, b) => numberOf(a) - numberOf(b));
  // 0 stands for a database that has never been open.
  const isComplete = manifest.logNumber === 0 || numberOf(logs[0] ?? '') === manifest.logNumber;
  if (!isComplete) throw missing(manifest, `log ${manifest.logNumber}`);
  let torn: { readonly file: string; readonly at: number } | undefined;
  for (const name of logs) {
    const file = join(folder, name);
    const verdict = checkLog(file, { everyRecordSynced: options.everyBatchSynced });
    if (options.everyBatchSynced && torn !== undefined && verdict.records > 0) {
      throw damage(torn.file, `record at byte ${torn.at}: incomplete, and ${name} goes on`);
    }
    if (verdict.tornAt !== undefined) torn ??= { file, at: verdict.tornAt };
  }
}

function tableName(names: readonly string[], number: number, manifest: Manifest): string {
  const name = names.find((each) => /\.(ldb|sst)$/.test(each) && numberOf(each) === number);
  if (name === undefined) throw missing(manifest, `table ${number}`);
  return name;
}

function numberOf(name: string): number {
  return Number.parseInt(name, 10);
}

function missing(manifest: Manifest, what: string): Error {
  return damage(manifest.file, `it names ${what}, which is missing`);
}
