import { isReachable } from '@tinykv/base';

/** Checks of single values, shared by the tables of settings. */

export const LOG_LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'];

export function checkLogLevel(level: string): string | undefined {
  return LOG_LEVELS.includes(level.toLowerCase())
    ? undefined
    : `"${level}" is not a log level: ${LOG_LEVELS.join(', ')}`;
}

/** `host:port`; `[::1]:port` for IPv6. */
export function checkAddress(address: string): string | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):(\d{1,5})$/.exec(address);
  if (match !== null && Number(match[2]) <= 65_535) return undefined;
  return `"${address}" is not an address such as 127.0.0.1:20160`;
}

/** An address that others connect to: port 0 stands for none. */
export function checkTarget(address: string): string | undefined {
  return isReachable(address)
    ? undefined
    : `"${address}" is not an address to connect to, such as 127.0.0.1:2379`;
}

/** Nothing, or an address that others connect to. */
export function checkOptionalTarget(address: string): string | undefined {
  return address === '' ? undefined : checkTarget(address);
}

export function checkPositive(value: number): string | undefined {
  return value > 0 ? undefined : 'must be above zero';
}

/** Addresses of schedulers. */
export function checkSchedulers(addresses: readonly string[]): string | undefined {
  if (addresses.length === 0) return 'at least one address is needed';
  return addresses.map(checkTarget).find((complaint) => complaint !== undefined);
}
