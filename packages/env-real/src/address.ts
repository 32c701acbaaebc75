import { KvError } from '@tinykv/base';

/** Splits `host:port` or `[IPv6]:port`; an empty host means all interfaces. Throws INVALID_ARGUMENT. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:[\]]*)):(?<port>\d{1,5})$/.exec(address);
  const port = Number(match?.groups?.['port']);
  if (match === null || port > 65_535) {
    throw new KvError('INVALID_ARGUMENT', `${JSON.stringify(address)} is not host:port`);
  }
  return { host: match.groups?.['bracketed'] ?? match.groups?.['plain'] ?? '', port };
}
