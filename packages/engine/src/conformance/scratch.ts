import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';

const IN_MEMORY = '/dev/shm';

/**
 * Where tests put folders that they write often: in memory, where a machine has such a place. What they look
 * at is what becomes of files, not how long a disk that others keep busy takes to sync them.
 */
export const scratchRoot: string = existsSync(IN_MEMORY) ? IN_MEMORY : tmpdir();
