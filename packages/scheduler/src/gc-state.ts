import {
  assert,
  type ByteReader,
  type ByteWriter,
  fromUtf8,
  limits,
  maxTimestamp,
  type Timestamp,
  TS_ZERO,
  utf8,
} from '@tinykv/base';
import type { ServiceSafePoint } from '@tinykv/model';

/** What an operator has set; undefined: as the scheduler was started with. */
export interface GcSettings {
  /** Milliseconds. 0: the safe point is never moved. */
  readonly lifeMs: number;
  readonly intervalMs: number;
}

export type GcRefusal = 'below-safe-point' | 'too-many-services';

/**
 * How far old versions may be collected.
 *
 * Invariant: `resolved` ≤ `safePoint`, and neither goes back. No transaction below `safePoint` may begin or read;
 * nothing at or above `resolved` may be collected, since locks there may still be waiting for what is to be found of
 * their transactions at other keys.
 */
export class GcState {
  #safePoint: Timestamp = TS_ZERO;
  #resolved: Timestamp = TS_ZERO;
  #settings: GcSettings | undefined;
  readonly #services = new Map<string, ServiceSafePoint>();

  get safePoint(): Timestamp {
    return this.#safePoint;
  }

  get resolved(): Timestamp {
    return this.#resolved;
  }

  get settings(): GcSettings | undefined {
    return this.#settings;
  }

  get services(): ReadonlyMap<string, ServiceSafePoint> {
    return this.#services;
  }

  /** As far as the services let it. */
  raise(wanted: Timestamp): void {
    let bound = wanted;
    for (const { safePoint } of this.#services.values()) {
      if (safePoint < bound) bound = safePoint;
    }
    this.#safePoint = maxTimestamp(this.#safePoint, bound);
  }

  /** No transaction that began before it holds a lock any more, anywhere. */
  raiseResolved(upTo: Timestamp): void {
    const bound = upTo < this.#safePoint ? upTo : this.#safePoint;
    this.#resolved = maxTimestamp(this.#resolved, bound);
    assert(this.#resolved <= this.#safePoint, 'locks are resolved beyond the safe point');
  }

  /** What a service asks to be kept must still be there. */
  setService(service: ServiceSafePoint): GcRefusal | undefined {
    if (service.safePoint < this.#safePoint) return 'below-safe-point';
    const isNew = !this.#services.has(service.id);
    if (isNew && this.#services.size >= limits.gcServicesMax) return 'too-many-services';
    this.#services.set(service.id, service);
    return undefined;
  }

  removeService(id: string): void {
    this.#services.delete(id);
  }

  expireServices(nowMs: number): void {
    for (const { id, expiresAtMs } of [...this.#services.values()]) {
      if (expiresAtMs <= nowMs) this.#services.delete(id);
    }
  }

  set(settings: GcSettings): void {
    this.#settings = settings;
  }

  /** What is not in the part of the state that is older than the rest. */
  write(writer: ByteWriter): void {
    writer.timestamp(this.#resolved).u8(this.#settings === undefined ? 0 : 1);
    if (this.#settings !== undefined) {
      writer.u64(this.#settings.lifeMs).u64(this.#settings.intervalMs);
    }
    const services = [...this.#services.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    writer.u32(services.length);
    for (const { id, safePoint, expiresAtMs } of services) {
      writer.bytes(utf8(id)).timestamp(safePoint).u64(expiresAtMs);
    }
  }

  /** Throws CodecError. A state that was written before there was a part for it has nothing of it. */
  static read(safePoint: Timestamp, reader: ByteReader): GcState {
    const state = new GcState();
    state.#safePoint = safePoint;
    if (reader.remaining === 0) return state;
    state.raiseResolved(reader.timestamp());
    if (reader.u8() === 1) state.#settings = { lifeMs: reader.u64(), intervalMs: reader.u64() };
    for (let left = reader.u32(); left > 0; left--) {
      const id = fromUtf8(reader.bytes());
      state.#services.set(id, { id, safePoint: reader.timestamp(), expiresAtMs: reader.u64() });
    }
    return state;
  }
}
