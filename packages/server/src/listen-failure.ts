import { errorMessage } from '@tinykv/base';
import { EXIT } from './config/command-line.js';
import { StartError } from './start-error.js';

const PROBE_MS = 500;

/** Advice to a user about an address that cannot be had. */
export interface ListenHelp {
  readonly address: string;
  /** `--addr`: how the address is chosen. */
  readonly flag: string;
  /** Where the holder of the address would have its status page, if it is one of ours. */
  readonly statusAddress: string | undefined;
}

/** The system refused to let a service listen. */
export function isListenError(error: unknown): boolean {
  return systemErrorOf(error)?.syscall === 'listen';
}

/** Why a service cannot listen, who is in its way, and what to do. */
export async function listenFailure(error: unknown, help: ListenHelp): Promise<StartError> {
  return new StartError(
    `cannot listen on ${help.address}: ${await reasonOf(error, help)}`,
    EXIT.failure,
  );
}

async function reasonOf(
  error: unknown,
  { address, flag, statusAddress }: ListenHelp,
): Promise<string> {
  switch (systemErrorOf(error)?.code) {
    case 'EADDRINUSE': {
      const holder = statusAddress && (await holderOf(address, statusAddress));
      const by = holder ?? 'another process';
      return `the address is in use by ${by}; stop that process, or choose another address with ${flag}`;
    }
    case 'EADDRNOTAVAIL':
      return `this machine has no such address; choose another with ${flag}`;
    case 'EACCES':
      return `this user may not use the port; choose one above 1023 with ${flag}`;
    default:
      return errorMessage(error);
  }
}

/** The system call that failed below all the errors that wrap it. */
function systemErrorOf(error: unknown): NodeJS.ErrnoException | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (isSystemError(at)) return at;
  return undefined;
}

function isSystemError(error: Error): error is NodeJS.ErrnoException {
  return 'syscall' in error && typeof error.syscall === 'string';
}

/** The status page's words on the process behind it; undefined when no process of ours answers for the address. */
async function holderOf(address: string, statusAddress: string): Promise<string | undefined> {
  try {
    const signal = AbortSignal.timeout(PROBE_MS);
    const answer = await fetch(`http://${statusAddress}/status`, { signal });
    const status = (await answer.json()) as Readonly<Record<string, unknown>>;
    return status['address'] === address ? describeHolder(status) : undefined;
  } catch {
    // Anything may listen there, or nothing: the user learns the address alone.
    return undefined;
  }
}

function describeHolder({ program, pid, storeId }: Readonly<Record<string, unknown>>): string {
  const name = typeof storeId === 'number' ? `store ${storeId}` : `a ${String(program)}`;
  return `${name} (process ${String(pid)})`;
}
