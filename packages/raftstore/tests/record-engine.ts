import { type KvEngine, toHex, type WriteBatch } from '@tinykv/base';

/** Single records by key: as much of an engine as the store's own records need. */
export class RecordEngine {
  readonly #records = new Map<string, Uint8Array>();

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#records.get(toHex(key));
  }

  batch(): WriteBatch {
    const ops: (() => void)[] = [];
    const batch = {
      ops,
      bytes: 0,
      get count(): number {
        return ops.length;
      },
      put: (key: Uint8Array, value: Uint8Array) => {
        const copy = value.slice();
        ops.push(() => this.#records.set(toHex(key), copy));
      },
      delete: (key: Uint8Array) => {
        ops.push(() => this.#records.delete(toHex(key)));
      },
    };
    return batch;
  }

  async write(batch: WriteBatch): Promise<void> {
    for (const op of (batch as WriteBatch & { readonly ops: readonly (() => void)[] }).ops) op();
  }

  /** As the port. */
  get engine(): KvEngine {
    return this as unknown as KvEngine;
  }
}
