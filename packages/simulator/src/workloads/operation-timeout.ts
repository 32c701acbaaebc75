/** How long a client waits for one operation. */
export const OPERATION_TIMEOUT_MS = 4_000;
