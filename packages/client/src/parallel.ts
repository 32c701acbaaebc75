/**
 * Calls `fn` for every item, at most `most` at a time. When calls fail, what runs is waited for, nothing
 * more is begun, and the first failure is thrown.
 */
export async function forEachParallel<T>(
  items: readonly T[],
  most: number,
  fn: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (next < items.length && failure === undefined) {
      const index = next++;
      try {
        await fn(items[index]!, index);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  if (failure !== undefined) throw failure.error;
}
