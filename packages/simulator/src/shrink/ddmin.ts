/** Of some candidates, in order of preference, the first that still fails. */
export type FindFailing<T> = (candidates: readonly T[]) => Promise<T | undefined>;

/**
 * The least part of a failing list that still fails: no item can be left out of what is returned
 * (Zeller's ddmin). First halves are tried alone, then all but a part, then parts half as large.
 */
export async function ddmin<T>(
  items: readonly T[],
  findFailing: FindFailing<readonly T[]>,
): Promise<readonly T[]> {
  if (items.length === 0 || (await findFailing([[]])) !== undefined) return [];
  let kept = items;
  let parts = 2;
  while (kept.length >= 2) {
    const chunks = split(kept, parts);
    const chunk = await findFailing(chunks);
    if (chunk !== undefined) {
      kept = chunk;
      parts = 2;
      continue;
    }
    // Of two halves each is what the other leaves: both have been tried.
    const rests = parts === 2 ? [] : chunks.map((_, i) => chunks.toSpliced(i, 1).flat());
    const rest = await findFailing(rests);
    if (rest !== undefined) {
      kept = rest;
      parts = Math.max(2, parts - 1);
    } else if (parts === kept.length) {
      break;
    } else {
      parts = Math.min(kept.length, 2 * parts);
    }
  }
  return kept;
}

function split<T>(items: readonly T[], parts: number): (readonly T[])[] {
  return Array.from({ length: parts }, (_, i) =>
    items.slice(
      Math.floor((i * items.length) / parts),
      Math.floor(((i + 1) * items.length) / parts),
    ),
  );
}
