import { checkAddress } from './config/checks.js';

/** The default of `status-addr`: a port of loopback that follows the port of the service. */
export const AUTO = 'auto';

const LOOPBACK = '127.0.0.1';
const PORT_MAX = 65_535;

/** For the table of settings. `offset` lies between the two ports. */
export function statusDoc(offset: number): string {
  return `HTTP for /status, /ready, /metrics and /config; auto: ${LOOPBACK}, at the port of the service + ${offset}; empty turns it off.`;
}

/** Nothing, `auto`, or an address. */
export function checkStatusAddress(address: string): string | undefined {
  return address === '' || address === AUTO ? undefined : checkAddress(address);
}

export interface StatusPlace {
  readonly address: string;
  /** Nobody named the address: when it cannot be had, the process goes on without a page. */
  readonly isOptional: boolean;
}

/** Where the status page of a service is to be; undefined: nowhere. */
export function statusPlace(
  setting: string,
  serviceAddress: string,
  offset: number,
): StatusPlace | undefined {
  if (setting === '') return undefined;
  if (setting !== AUTO) return { address: setting, isOptional: false };
  const port = Number(serviceAddress.slice(serviceAddress.lastIndexOf(':') + 1));
  if (port + offset > PORT_MAX) return undefined;
  // Port 0 lets the system choose, for the page as for the service.
  return { address: `${LOOPBACK}:${port === 0 ? 0 : port + offset}`, isOptional: true };
}
