import { CodecError } from '@tinykv/base';
import type { ConfChangeSingle, ConfChangeType } from './types.js';

const typeByLetter: Readonly<Record<string, ConfChangeType>> = {
  v: 'ConfChangeAddNode',
  l: 'ConfChangeAddLearnerNode',
  r: 'ConfChangeRemoveNode',
  u: 'ConfChangeUpdateNode',
};

const letterByType: Readonly<Record<ConfChangeType, string>> = {
  ConfChangeAddNode: 'v',
  ConfChangeAddLearnerNode: 'l',
  ConfChangeRemoveNode: 'r',
  ConfChangeUpdateNode: 'u',
};

/** Reads `v1 l2 r3 u4`: add a voter, add a learner, remove, update. Throws CodecError. */
export function parseConfChanges(text: string): ConfChangeSingle[] {
  return text
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => {
      const type = typeByLetter[word.slice(0, 1)];
      const digits = word.slice(1);
      const nodeId = Number(digits);
      if (type === undefined || !/^\d+$/.test(digits) || !Number.isSafeInteger(nodeId)) {
        throw new CodecError(`unknown input: ${word}`);
      }
      return { type, nodeId };
    });
}

/** Inverse of {@link parseConfChanges}. */
export function formatConfChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${letterByType[type]}${nodeId}`).join(' ');
}
