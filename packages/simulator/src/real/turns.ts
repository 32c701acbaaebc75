/** Taken before the doors are closed: the only real timer that a simulation uses. */
const nextTurn = setImmediate;

/**
 * One iteration of the event loop makes so many calls. Node runs all promise jobs between two of them, as it
 * does between two iterations, and the loop's own system calls are paid once for all of them.
 */
const CALLS_PER_ITERATION = 64;

/**
 * Calls `step` from the real event loop, each time anew, until it returns false. Between two calls V8 runs
 * all promise jobs, in order. A promise that nobody handled is reported.
 */
export function turns(step: () => boolean, onRejection: (error: unknown) => void): Promise<void> {
  return new Promise((resolve) => {
    let isOver = false;
    process.on('unhandledRejection', onRejection);
    const turn = (): void => {
      if (isOver) return;
      if (step()) {
        nextTurn(turn);
        return;
      }
      isOver = true;
      process.off('unhandledRejection', onRejection);
      resolve();
    };
    for (let i = 0; i < CALLS_PER_ITERATION; i++) nextTurn(turn);
  });
}
