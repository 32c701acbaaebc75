import { limits } from '@tinykv/base';

/** What one gateway process is told at its start. */
export interface GatewayConfig {
  /** Address to listen on; loopback unless told otherwise, since there are no passwords. */
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Tenant: the databases of different instances share nothing. */
  readonly instance: number;
  readonly databases: number;
  readonly clientsMax: number;
  /** Memory that all clients may hold together; then the one that holds most is dropped. */
  readonly clientsBytesMax: number;
  /** Attempts at a transaction that conflicts with others, the first included. */
  readonly txnAttemptsMax: number;
  /** How long a command may take until its answer, an error if need be. */
  readonly commandTimeoutMs: number;
  /** How long the epochs of the databases hold without being read again. */
  readonly epochLeaseMs: number;
  readonly epochRenewMs: number;
  /** Pause between two sweeps for expired keys and for what was deleted; 0 turns them off. */
  readonly sweepMs: number;
  /** How long a flushed epoch or deleted object lies before it is collected. */
  readonly gcDelayMs: number;
}

export const defaultGatewayConfig: GatewayConfig = {
  host: '127.0.0.1',
  port: 6379,
  instance: 1,
  databases: 16,
  clientsMax: limits.gatewayClientsMax,
  clientsBytesMax: limits.gatewayClientsBytesMax,
  txnAttemptsMax: 16,
  commandTimeoutMs: 10_000,
  epochLeaseMs: 3_000,
  epochRenewMs: 1_000,
  sweepMs: 500,
  gcDelayMs: 60_000,
};
