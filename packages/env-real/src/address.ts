import { type Address, KvError, splitAddress } from '@tinykv/base';

/** Throws INVALID_ARGUMENT unless it is `host:port` or `[IPv6]:port`; an empty host means all interfaces. */
export function parseAddress(address: string): Address {
  const split = splitAddress(address);
  if (split === undefined) {
    throw new KvError('INVALID_ARGUMENT', `${JSON.stringify(address)} is not host:port`);
  }
  return split;
}
