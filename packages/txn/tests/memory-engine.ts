import {
  EMPTY_BYTES,
  fromKeyString,
  type IteratorRange,
  type KvEngine,
  type KvEntry,
  type KvIterator,
  type KvReader,
  type KvSnapshot,
  keyString,
  nothingReclaimed,
  type Reclaimed,
  type WriteBatch,
} from '@tinykv/base';

type Operation = readonly [key: string, value: Uint8Array | undefined];

class Batch implements WriteBatch {
  readonly operations: Operation[] = [];
  bytes = 0;

  get count(): number {
    return this.operations.length;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.operations.push([keyString(key), value.slice()]);
    this.bytes += key.length + value.length;
  }

  delete(key: Uint8Array): void {
    this.operations.push([keyString(key), undefined]);
    this.bytes += key.length;
  }
}

class Reader implements KvReader {
  readonly data: Map<string, Uint8Array>;

  constructor(data: Map<string, Uint8Array>) {
    this.data = data;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.data.get(keyString(key));
  }

  iterator({ start, end, reverse, keysOnly }: IteratorRange): KvIterator {
    // Keys as strings have one char for each byte, so they sort as the bytes do.
    const [low, high] = [keyString(start), keyString(end)];
    const keys = [...this.data.keys()].filter((key) => key >= low && (high === '' || key < high));
    keys.sort();
    if (reverse) keys.reverse();
    const values = keys.map((key) => this.data.get(key)!);
    let at = 0;
    return {
      next: (limit) => {
        const page = keys
          .slice(at, at + limit)
          .map((key, i): KvEntry => [fromKeyString(key), keysOnly ? EMPTY_BYTES : values[at + i]!]);
        at += page.length;
        return Promise.resolve(page);
      },
      close: () => Promise.resolve(),
    };
  }
}

/** The smallest engine that a test can see through; copies everything for a snapshot. */
export class MemoryEngine extends Reader implements KvEngine {
  openSnapshots = 0;

  constructor() {
    super(new Map());
  }

  batch(): WriteBatch {
    return new Batch();
  }

  write(batch: WriteBatch, _options: { readonly sync: boolean }): Promise<void> {
    for (const [key, value] of (batch as Batch).operations) {
      if (value === undefined) this.data.delete(key);
      else this.data.set(key, value);
    }
    return Promise.resolve();
  }

  snapshot(): KvSnapshot {
    this.openSnapshots += 1;
    return Object.assign(new Reader(new Map(this.data)), {
      close: () => {
        this.openSnapshots -= 1;
      },
    });
  }

  barrier(): Promise<void> {
    return Promise.resolve();
  }

  approximateSize(): Promise<number> {
    return Promise.resolve(0);
  }

  reclaim(): Promise<Reclaimed> {
    return Promise.resolve(nothingReclaimed);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
