import {
  assertNever,
  ByteReader,
  ByteWriter,
  type ClusterId,
  CodecError,
  fromUtf8,
  type StoreId,
  type Timestamp,
  utf8,
} from '@tinykv/base';
import type { ApiMode, ServiceSafePoint, StoreMeta, StoreState } from '@tinykv/model';
import type { GcSettings } from './gc-state.js';

/**
 * What the scheduler's members agree on, one log entry each. A command carries facts that its proposer
 * has read (a bound, an address); whether they still hold is decided at apply, the same on every member.
 */
export type Command =
  /** Gives the cluster its identity; the first one wins. */
  | { readonly type: 'name-cluster'; readonly clusterId: ClusterId }
  | {
      readonly type: 'bootstrap';
      readonly api: ApiMode;
      readonly maxPeerCount: number;
      readonly store: StoreMeta;
      /** Milliseconds since the Unix epoch. */
      readonly atMs: number;
    }
  | { readonly type: 'put-store'; readonly store: StoreMeta }
  | { readonly type: 'set-store-state'; readonly storeId: StoreId; readonly state: StoreState }
  | { readonly type: 'set-max-peer-count'; readonly maxPeerCount: number }
  /** Takes the ids in (from, to] for the proposer, if `from` is still the bound. */
  | { readonly type: 'reserve-ids'; readonly from: number; readonly to: number }
  /** No timestamp at or beyond this physical time may be served before a greater bound is saved. */
  | { readonly type: 'save-tso'; readonly boundMs: number }
  /** No further than the services let it. */
  | { readonly type: 'raise-gc-safe-point'; readonly safePoint: Timestamp }
  /** No transaction that began before `upTo` has a lock left. */
  | { readonly type: 'raise-gc-resolved'; readonly upTo: Timestamp }
  | { readonly type: 'set-gc-service'; readonly service: ServiceSafePoint }
  | { readonly type: 'remove-gc-service'; readonly id: string }
  | { readonly type: 'expire-gc-services'; readonly nowMs: number }
  | { readonly type: 'set-gc'; readonly settings: GcSettings }
  /** Milliseconds since the Unix epoch; 0: the store speaks again. */
  | { readonly type: 'note-silence'; readonly storeId: StoreId; readonly sinceMs: number };

/** First byte of an encoded command. Never reused: logs outlive versions. */
const kinds = {
  'name-cluster': 1,
  bootstrap: 2,
  'put-store': 3,
  'set-store-state': 4,
  'set-max-peer-count': 5,
  'reserve-ids': 6,
  'save-tso': 7,
  'raise-gc-safe-point': 8,
  'raise-gc-resolved': 9,
  'set-gc-service': 10,
  'remove-gc-service': 11,
  'expire-gc-services': 12,
  'set-gc': 13,
  'note-silence': 15,
} as const satisfies Record<Command['type'], number>;

/** A put-store that says which start of the store it is of. */
const PUT_STORE_START = 14;

const apis: readonly ApiMode[] = ['txn', 'raw'];
const storeStates: readonly StoreState[] = ['up', 'offline', 'tombstone'];

export function encodeCommand(command: Command): Uint8Array {
  const writer = new ByteWriter(64).u8(kindOf(command));
  switch (command.type) {
    case 'name-cluster':
      writer.u64(command.clusterId);
      break;
    case 'bootstrap':
      writeApi(writer, command.api);
      writeStore(writer.u32(command.maxPeerCount), command.store);
      writer.u64(command.atMs);
      break;
    case 'put-store':
      writeStore(writer, command.store);
      writeStart(writer, command.store);
      break;
    case 'set-store-state':
      writer.u64(command.storeId).u8(storeStates.indexOf(command.state));
      break;
    case 'set-max-peer-count':
      writer.u32(command.maxPeerCount);
      break;
    case 'reserve-ids':
      writer.u64(command.from).u64(command.to);
      break;
    case 'save-tso':
      writer.u64(command.boundMs);
      break;
    case 'raise-gc-safe-point':
      writer.timestamp(command.safePoint);
      break;
    case 'raise-gc-resolved':
      writer.timestamp(command.upTo);
      break;
    case 'set-gc-service': {
      const { id, safePoint, expiresAtMs } = command.service;
      writer.bytes(utf8(id)).timestamp(safePoint).u64(expiresAtMs);
      break;
    }
    case 'remove-gc-service':
      writer.bytes(utf8(command.id));
      break;
    case 'expire-gc-services':
      writer.u64(command.nowMs);
      break;
    case 'set-gc':
      writer.u64(command.settings.lifeMs).u64(command.settings.intervalMs);
      break;
    case 'note-silence':
      writer.u64(command.storeId).u64(command.sinceMs);
      break;
    default:
      assertNever(command);
  }
  return writer.finish();
}

function kindOf(command: Command): number {
  const saysStart = command.type === 'put-store' && command.store.startToken !== undefined;
  return saysStart ? PUT_STORE_START : kinds[command.type];
}

/** Throws CodecError for bytes that are no command. */
export function decodeCommand(bytes: Uint8Array): Command {
  const reader = new ByteReader(bytes);
  const command = readCommand(reader);
  reader.end();
  return command;
}

function readCommand(reader: ByteReader): Command {
  const kind = reader.u8();
  switch (kind) {
    case kinds['name-cluster']:
      return { type: 'name-cluster', clusterId: reader.u64() };
    case kinds.bootstrap:
      return {
        type: 'bootstrap',
        api: readApi(reader),
        maxPeerCount: reader.u32(),
        store: readStore(reader),
        atMs: reader.u64(),
      };
    case kinds['put-store']:
      return { type: 'put-store', store: readStore(reader) };
    case PUT_STORE_START:
      return { type: 'put-store', store: { ...readStore(reader), ...readStart(reader) } };
    case kinds['set-store-state']:
      return { type: 'set-store-state', storeId: reader.u64(), state: readStoreState(reader) };
    case kinds['set-max-peer-count']:
      return { type: 'set-max-peer-count', maxPeerCount: reader.u32() };
    case kinds['reserve-ids']:
      return { type: 'reserve-ids', from: reader.u64(), to: reader.u64() };
    case kinds['save-tso']:
      return { type: 'save-tso', boundMs: reader.u64() };
    case kinds['raise-gc-safe-point']:
      return { type: 'raise-gc-safe-point', safePoint: reader.timestamp() };
    case kinds['raise-gc-resolved']:
      return { type: 'raise-gc-resolved', upTo: reader.timestamp() };
    case kinds['set-gc-service']: {
      const id = fromUtf8(reader.bytes());
      const service = { id, safePoint: reader.timestamp(), expiresAtMs: reader.u64() };
      return { type: 'set-gc-service', service };
    }
    case kinds['remove-gc-service']:
      return { type: 'remove-gc-service', id: fromUtf8(reader.bytes()) };
    case kinds['expire-gc-services']:
      return { type: 'expire-gc-services', nowMs: reader.u64() };
    case kinds['set-gc']:
      return { type: 'set-gc', settings: { lifeMs: reader.u64(), intervalMs: reader.u64() } };
    case kinds['note-silence']:
      return { type: 'note-silence', storeId: reader.u64(), sinceMs: reader.u64() };
    default:
      throw new CodecError(`unknown command ${kind}`);
  }
}

export function writeApi(writer: ByteWriter, api: ApiMode): void {
  writer.u8(apis.indexOf(api));
}

export function readApi(reader: ByteReader): ApiMode {
  return pick(apis, reader.u8(), 'api');
}

/** Without its start, which is written apart. */
export function writeStore(writer: ByteWriter, store: StoreMeta): void {
  writer.u64(store.id).u8(storeStates.indexOf(store.state)).bytes(utf8(store.address));
}

function writeStart(writer: ByteWriter, { startToken, formerStartToken = 0 }: StoreMeta): void {
  if (startToken !== undefined) writer.u64(startToken).u64(formerStartToken);
}

function readStart(reader: ByteReader): Pick<StoreMeta, 'startToken' | 'formerStartToken'> {
  const startToken = reader.u64();
  const formerStartToken = reader.u64();
  return formerStartToken === 0 ? { startToken } : { startToken, formerStartToken };
}

export function readStore(reader: ByteReader): StoreMeta {
  const id = reader.u64();
  const state = readStoreState(reader);
  return { id, state, address: fromUtf8(reader.bytes()) };
}

function readStoreState(reader: ByteReader): StoreState {
  return pick(storeStates, reader.u8(), 'store state');
}

function pick<T>(from: readonly T[], at: number, what: string): T {
  const value = from[at];
  if (value === undefined) throw new CodecError(`unknown ${what} ${at}`);
  return value;
}
