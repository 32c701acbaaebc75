import { encodeCommand } from '../vs/resp-pipeline.js';
import { randomNumber } from '../workload.js';

export const MEMORY_WORKS = ['append', 'set-64k', 'set-256'] as const;
export type MemoryWork = (typeof MEMORY_WORKS)[number];

export const MEMORY_WORK_DOC: Readonly<Record<MemoryWork, string>> = {
  append: 'half APPENDs of 1 KiB to 16 values that grow to 1 MiB, GETs of them, SETs of 1 KiB',
  'set-64k': 'SETs of 64 KiB to 500 keys',
  'set-256': 'SETs of 256 bytes to 10,000 keys',
};

const GROWING_KEYS = 16;
const PIECE = Buffer.alloc(1_024, 'a');
/** A value begins anew at this length. */
const APPENDS_OF_VALUE = 1_024;
const KIB_64 = Buffer.alloc(65_536, 'b');

/** The command with this number, encoded. Data stays within a bound: only garbage can pile up. */
export function memoryCommand(work: MemoryWork, number: number): Buffer {
  switch (work) {
    case 'append':
      return mixedCommand(number);
    case 'set-64k':
      return encodeCommand('SET', `large/${number % 500}`, KIB_64);
    case 'set-256':
      return encodeCommand('SET', `small/${number % 10_000}`, PIECE.subarray(0, 256));
  }
}

function mixedCommand(number: number): Buffer {
  const turn = number % 4;
  const round = Math.floor(number / 4);
  if (turn === 2) {
    const key = randomNumber({ keys: GROWING_KEYS, valueBytes: 0 });
    // At first some of the values are not there yet.
    return encodeCommand(round < GROWING_KEYS ? 'STRLEN' : 'GET', `growing/${key}`);
  }
  if (turn === 3) return encodeCommand('SET', `small/${round % 1_000}`, PIECE);
  const append = 2 * round + turn;
  const key = `growing/${append % GROWING_KEYS}`;
  const isFull = Math.floor(append / GROWING_KEYS) % APPENDS_OF_VALUE === APPENDS_OF_VALUE - 1;
  return isFull ? encodeCommand('SET', key, PIECE) : encodeCommand('APPEND', key, PIECE);
}
