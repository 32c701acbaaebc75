/** Cuts a list, in order, into parts of at most `most` items. */
export function splitByCount<T>(items: readonly T[], most: number): (readonly T[])[] {
  if (items.length <= most) return [items];
  const parts: (readonly T[])[] = [];
  for (let from = 0; from < items.length; from += most) parts.push(items.slice(from, from + most));
  return parts;
}
