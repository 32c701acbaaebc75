/** A host name of DNS has no more characters. */
const HOST_CHARS_MAX = 255;

export interface Address {
  /** Without brackets; empty: every interface of this machine. */
  readonly host: string;
  readonly port: number;
}

/** Splits `host:port` or `[IPv6]:port`; undefined for anything else. */
export function splitAddress(address: string): Address | undefined {
  const match = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:[\]]*)):(?<port>\d{1,5})$/.exec(address);
  const port = Number(match?.groups?.['port']);
  if (match === null || port > 65_535) return undefined;
  return { host: match.groups?.['bracketed'] ?? match.groups?.['plain'] ?? '', port };
}

/**
 * Whether others may be told to connect there: a host that can be a name or an IP address, and a port. Every store of
 * the cluster opens connections to what is registered, so this is asked before an address is taken in.
 */
export function isReachable(address: string): boolean {
  const split = splitAddress(address);
  if (split === undefined || split.port === 0) return false;
  const { host } = split;
  if (host.length === 0 || host.length > HOST_CHARS_MAX) return false;
  return address.startsWith('[')
    ? /^[\dA-Fa-f:.]+$/.test(host)
    : /^[^\s\p{Cc}/@?#%\\]+$/u.test(host);
}
