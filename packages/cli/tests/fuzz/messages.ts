import { type Prng, TS_MAX, utf8 } from '@tinykv/base';
import { compose } from './composers.js';
import type { FieldShape, Rpc, Shape } from './schema.js';
import { encodeFields, type Field } from './wire-writer.js';
import { DOOMED, FORGED_STORE_IDS, FUZZ_KEYS, type World } from './world.js';

/** Where numbers turn from one thing into another: of a byte, a varint, a double, a u64, an i64. */
export const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  127n,
  128n,
  255n,
  65_536n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 2n,
  2n ** 64n - 1n,
];

const WORDS = ['transfer-leader', 'add-peer', 'remove-peer', 'split', 'default', 'txn', 'raw', 'x'];
const ADDRESSES = ['', ':', 'localhost', '127.0.0.1:1', '[::1]:1', '0.0.0.0:0', 'a:99999', '\0:1'];
const DEPTH_MAX = 6;
const REPEATED_MAX = 200;

export function pick<T>(rng: Prng, from: readonly T[]): T {
  return from[rng.int(0, from.length)]!;
}

/** Draws requests of any shape: most fields are what a client would say, each may be an edge value. */
export class Messages {
  readonly rng: Prng;
  readonly world: World;
  /** By their paths. */
  readonly rpcs: ReadonlyMap<string, Rpc>;

  constructor(rng: Prng, world: World, rpcs: ReadonlyMap<string, Rpc>) {
    this.rng = rng;
    this.world = world;
    this.rpcs = rpcs;
  }

  draw(shape: Shape, depth = 0): Uint8Array {
    const composed = this.rng.int(0, 8) > 0 ? compose(this, shape) : undefined;
    if (composed !== undefined) return composed;
    const fields = shape.fields.flatMap((field) => this.#field(field, depth));
    // A field that nobody knows is skipped, and makes requests without fields of their own differ.
    if (this.rng.int(0, 16) === 0 || fields.length === 0) fields.push(this.#unknown());
    return encodeFields(fields);
  }

  #field(field: FieldShape, depth: number): Field[] {
    const { rng } = this;
    const isSaid = rng.int(0, 8) > (field.name === 'context' || field.name === 'header' ? 0 : 1);
    if (!isSaid) return [];
    const count = field.repeated ? this.#count() : 1;
    return Array.from({ length: count }, () => {
      return { number: field.number, value: this.#value(field, depth) };
    });
  }

  #unknown(): Field {
    const { rng } = this;
    const value = rng.int(0, 2) === 0 ? pick(rng, EDGES) : rng.bytes(rng.int(0, 20));
    return { number: rng.int(2_000, 100_000), value };
  }

  #count(): number {
    const { rng } = this;
    return rng.int(0, 64) === 0 ? rng.int(0, REPEATED_MAX) : rng.int(0, 4);
  }

  #value(field: FieldShape, depth: number): Field['value'] {
    switch (field.kind) {
      case 'message':
        return this.#message(field, depth);
      case 'bytes':
        return this.key(field.name);
      case 'string':
        return this.#text(field.name);
      case 'bool':
        return BigInt(this.rng.int(0, 2));
      case 'timestamp':
        return this.timestamp();
      default:
        return this.#number(field.name);
    }
  }

  #message(field: FieldShape, depth: number): Uint8Array {
    const shape = field.message();
    if (shape === undefined || depth >= DEPTH_MAX) return new Uint8Array(0);
    return this.draw(shape, depth + 1);
  }

  #number(name: string): bigint {
    const { rng, world } = this;
    if (rng.int(0, 3) === 0) return pick(rng, EDGES);
    const { region, leaderPeerId } = pick(rng, world.regions);
    if (name === 'cluster_id') return BigInt(world.clusterId);
    if (name.endsWith('store_id') || name.endsWith('_store')) return BigInt(this.storeId());
    if (name.endsWith('region_id')) return BigInt(region.id);
    if (name.endsWith('peer_id')) return BigInt(leaderPeerId);
    if (name === 'id') return BigInt(pick(rng, [region.id, leaderPeerId, this.storeId()]));
    if (name === 'conf_ver') return BigInt(region.epoch.confVer);
    if (name === 'version') return BigInt(region.epoch.version);
    return BigInt(rng.int(0, 10));
  }

  storeId(): number {
    return pick(this.rng, [...this.world.storeIds, ...FORGED_STORE_IDS]);
  }

  timestamp(): bigint {
    const { rng, world } = this;
    const granted = pick(rng, world.timestamps);
    const hour = 3_600_000n << 18n;
    const choices = [granted, granted, granted, pick(rng, EDGES), granted + hour, granted - hour];
    return rng.int(0, 12) === 0 ? TS_MAX : pick(rng, choices);
  }

  /** A key of the fuzzer's own, or one that nobody would choose. */
  key(name: string): Uint8Array {
    const { rng } = this;
    const isEnd = name.startsWith('end');
    switch (rng.int(0, 12)) {
      case 0:
        return new Uint8Array(0);
      case 1:
        return new Uint8Array(rng.int(1, 20)).fill(0xff);
      case 2:
        return new Uint8Array(rng.int(1, 20));
      case 3:
        return rng.bytes(rng.int(0, 40));
      case 4:
        return isEnd ? DOOMED.end : DOOMED.start;
      case 5:
        return utf8(`${FUZZ_KEYS}doomed/${rng.int(0, 1_000)}`);
      case 6:
        return rng.int(0, 40) === 0 ? rng.bytes(rng.int(0, 70_000)) : utf8(FUZZ_KEYS);
      default:
        return utf8(`${FUZZ_KEYS}${rng.int(0, 1_000)}${isEnd ? '~' : ''}`);
    }
  }

  #text(name: string): Uint8Array | string {
    const { rng, world } = this;
    if (name.includes('address')) return pick(rng, [...ADDRESSES, ...world.storeAddresses]);
    if (rng.int(0, 6) === 0) return rng.bytes(rng.int(0, 30));
    return pick(rng, WORDS);
  }
}
