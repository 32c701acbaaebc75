/** Taken before the doors are closed: the only real timer that a simulation uses. */
const nextTurn = setImmediate;

/**
 * Calls `step` in one turn of the real event loop after another until it returns false. Between two of
 * them V8 runs all promise jobs, in order. A promise that nobody handled is reported.
 */
export function turns(step: () => boolean, onRejection: (error: unknown) => void): Promise<void> {
  return new Promise((resolve) => {
    process.on('unhandledRejection', onRejection);
    const turn = (): void => {
      if (step()) {
        nextTurn(turn);
        return;
      }
      process.off('unhandledRejection', onRejection);
      resolve();
    };
    nextTurn(turn);
  });
}
