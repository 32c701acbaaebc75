import type { Awaitable } from './awaitable.js';
import type { KvErrorCode } from './errors.js';
import type { FailPoint } from './fail-points.js';
import type { Rng } from './prng.js';

/**
 * The only doors to the world. Everything above `engine` and `env-real` reaches time, randomness,
 * network, files and logs through an `Env`, so the whole cluster runs on a simulated one.
 */
export interface Env {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly net: Net;
  readonly fs: Fs;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly faults: Faults;
}

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds, never going back, with fractions; its origin means nothing. Leases use this one. */
  mono(): number;
  /** Milliseconds since the Unix epoch; may jump. */
  wall(): number;
  after(ms: number, fn: () => void): Timer;
  /** Runs `fn` when the I/O that is ready now has been handled: the end of a turn. */
  defer(fn: () => void): void;
}

/** Fail points: a no-op in production, a crash or delay in the simulator. */
export interface Faults {
  hit(name: FailPoint): void;
}

export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
  child(fields: Readonly<Record<string, unknown>>): Logger;
}

export interface Counter {
  add(n?: number): void;
}
export interface Gauge {
  set(value: number): void;
}
export interface Histogram {
  /** In the unit that the name ends with, seconds as a rule. */
  observe(value: number): void;
}
export type Labels = Readonly<Record<string, string>>;
export interface Metrics {
  counter(name: string, help: string, labels?: Labels): Counter;
  gauge(name: string, help: string, labels?: Labels): Gauge;
  histogram(name: string, help: string, labels?: Labels, buckets?: readonly number[]): Histogram;
}

/**
 * The network carries bytes under method paths (`/package.Service/Method`): gRPC in production.
 * Messages are encoded and decoded by the callers, in the simulator too.
 */
export interface Net {
  /** One request, one answer. Rejects with KvError: UNAVAILABLE (not sent or unknown), DEADLINE_EXCEEDED … */
  call(
    address: string,
    method: string,
    request: Uint8Array,
    options: CallOptions,
  ): Promise<Uint8Array>;
  /** A long-lived two-way stream. Never throws: failures arrive by `onClose`. */
  open(address: string, method: string, events: StreamEvents): NetStream;
  /** Listens on `address` (host:port; port 0 picks one). */
  serve(address: string, services: ServiceTable): Promise<NetServer>;
}

export interface CallOptions {
  readonly timeoutMs: number;
}

export interface StreamEvents {
  onMessage(message: Uint8Array): void;
  /** Called exactly once, also for a stream that never came to be; without an error for a clean end. */
  onClose(error?: NetError): void;
  /** The peer takes more after `send` returned false. */
  onDrain?(): void;
}

export interface NetStream {
  /** False when the buffer is full: the message was still taken, but wait for `onDrain`. */
  send(message: Uint8Array): boolean;
  /** Bytes taken by `send` and not yet handed to the transport. */
  readonly bufferedBytes: number;
  /** Half-close after what was sent; `onClose` follows when the other side ends too. */
  end(): void;
  /** Drops the stream at once. */
  destroy(error?: NetError): void;
}

export interface NetError {
  readonly code: KvErrorCode;
  readonly message: string;
}

export type UnaryHandler = (request: Uint8Array, peer: PeerInfo) => Awaitable<Uint8Array>;
/** Called for each new stream; returns what to do with its events. */
export type StreamHandler = (stream: NetStream, peer: PeerInfo) => StreamEvents;

/** Who waits for the answer to a request. */
export interface Caller {
  /** True once nobody waits any more. Work that has not been proposed yet may stop. */
  readonly isGone?: boolean;
}

export interface PeerInfo extends Caller {
  readonly address: string;
}

/** Method path → handler. A handler that throws KvError answers its code, anything else INTERNAL. */
export interface ServiceTable {
  readonly unary: ReadonlyMap<string, UnaryHandler>;
  readonly stream: ReadonlyMap<string, StreamHandler>;
}

export interface NetServer {
  /** host:port as bound. */
  readonly address: string;
  /** Refuses new calls, lets running ones finish for up to `drainMs`, then drops them. */
  close(drainMs: number): Promise<void>;
}

/** Files for snapshots and small state; paths are relative to the folder that the process owns. */
export interface Fs {
  /** Also durable then, whatever was left undone by the process that wrote it. */
  readFile(path: string): Promise<Uint8Array | undefined>;
  /** Writes all bytes to `path.tmp`, fsyncs, renames, fsyncs the folder: all or nothing. */
  writeFileAtomic(path: string, bytes: Uint8Array): Promise<void>;
  openWrite(path: string): Promise<FileWriter>;
  openRead(path: string): Promise<FileReader>;
  list(folder: string): Promise<string[]>;
  remove(path: string): Promise<void>;
  /** Bytes in all and free on the file system that holds the folder. */
  space(): Promise<{ readonly capacity: number; readonly available: number }>;
}

export interface FileWriter {
  write(bytes: Uint8Array): Promise<void>;
  /** fsync, then close. A failed fsync rejects and must be taken as fatal for the file. */
  finish(): Promise<void>;
  abort(): Promise<void>;
}

export interface FileReader {
  readonly size: number;
  /** Up to `length` bytes at `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
