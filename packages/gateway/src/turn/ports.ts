import type { Env } from '@tinykv/base';
import type { GatewayState } from '../commands/spec.js';
import type { Job } from '../job.js';
import type { GatewayKv } from '../kv-port.js';
import type { Reply } from '../resp/types.js';
import type { KeyGroup } from './key-group.js';

/** Whom a turn turns to. */
export interface TurnPorts {
  readonly env: Env;
  readonly kv: GatewayKv;
  readonly gateway: GatewayState;
  /** The part of a command's time that the store may use. */
  readonly storeShare: number;
  /** Runs the group in a transaction; nothing of it was applied. */
  widen(group: KeyGroup): void;
  /** Runs each of its commands in a transaction of its own; nothing of it was applied. */
  apart(group: KeyGroup): void;
  /** Runs one command that only reads in a transaction. */
  alone(job: Job): void;
  /** Runs it again in a later turn. */
  again(group: KeyGroup): void;
  /** Another wrote the key first. */
  conflict(group: KeyGroup): void;
  /** Everybody of the group is answered. */
  done(group: KeyGroup): void;
  replyTo(failure: unknown): Reply;
}
